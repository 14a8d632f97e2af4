#include "client.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <pkernel/transport.hpp>

#include <algorithm>
#include <cctype>

#include "records.hpp"
#include "server.hpp"

namespace tls {
namespace {

bool is_ip(const std::string& name) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
           inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

// As it is sent and as certificates bear it: without the dot of a name that is complete.
std::string_view bare(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

void check_server_name(const std::string& name) {
    const bool host = std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
    });
    if (host || is_ip(name)) return;
    throw pk::config_error("server_name", "'" + name +
                                              "' is neither a host name nor an address; "
                                              "write it without port and brackets");
}

}  // namespace

client::client(const settings& conf, const pk::host& h)
    : server_name_(bare(conf.server_name)), verify_(conf.verify), sessions_(h.worker_count()) {
    check_server_name(server_name_);
    if (conf.certificates.size() > 1) {
        throw pk::config_error("certificates", "an upstream shows at most one certificate");
    }
    context_ = make_context(conf, TLS_client_method());
    SSL_CTX* ctx = context_.get();
    if (!conf.certificates.empty()) {
        const certificate_settings& from = conf.certificates.front();
        own_ = load(from, [&](const pk::file_content& file, std::string_view why) {
            h.warning(file, why);
        });
        put_certificate(ctx, *own_, from);
    }
    if (!verify_) {
        h.warning("verify", "whoever answers at the endpoint's address is believed");
    } else if (conf.ca) {
        trust(ctx, *conf.ca);
    } else if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
        throw pk::config_error("ca",
                               "the system's CA certificates cannot be read: " + take_error());
    }
    SSL_CTX_set_verify(ctx, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, &client::on_session);
}

// A ticket came: the next connection to the same peer resumes with it.
int client::on_session(SSL* ssl, SSL_SESSION* session) {
    auto& facts = *static_cast<connecting*>(SSL_get_app_data(ssl));
    session_table& mine = facts.of->sessions_[facts.worker];
    if (mine.size() >= sessions_max && !mine.contains(facts.peer)) mine.erase(mine.begin());
    mine[facts.peer].reset(session);
    return 1;  // Kept.
}

bool client::name_peer(SSL* ssl, const std::string& name) const {
    if (name.empty()) return !verify_;
    const bool ip = is_ip(name);
    if (!ip && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) return false;
    if (!verify_) return true;
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return (ip ? X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str())
               : X509_VERIFY_PARAM_set1_host(param, name.data(), name.size())) == 1;
}

void client::offer_protocols(SSL* ssl, const pk::conn& c) {
    std::string list;
    for (const pk_str& each : c.protocols()) {
        list.push_back(static_cast<char>(each.size));
        list += pk::view(each);
    }
    if (list.empty()) return;
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
}

ssl_ptr client::begin(const pk::conn& c, connecting& facts) {
    ssl_ptr ssl(SSL_new(context_.get()));
    if (!ssl) return ssl;
    const std::string name(server_name_.empty() ? bare(c.peer_name()) : server_name_);
    if (!name_peer(ssl.get(), name)) {
        ERR_clear_error();
        c.fail(PK_END_PROTOCOL, "there is no name to verify the origin by");
        return nullptr;
    }
    facts = {this, records::mine().worker, std::string(c.place()) + ' ' + name};
    SSL_set_app_data(ssl.get(), &facts);
    SSL_set_connect_state(ssl.get());
    offer_protocols(ssl.get(), c);
    session_table& mine = sessions_[facts.worker];
    if (const auto known = mine.find(facts.peer); known != mine.end()) {
        SSL_set_session(ssl.get(), known->second.get());
        // One of TLS 1.3 is used once (RFC 8446, C.4); the connection brings another.
        if (SSL_SESSION_get_protocol_version(known->second.get()) == TLS1_3_VERSION) {
            mine.erase(known);
        }
    }
    return ssl;
}

}  // namespace tls

#include "server.hpp"

#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "records.hpp"

namespace tls {
namespace {

std::array<unsigned char, 32> digest_of(const policy& p) {
    std::string all(1, static_cast<char>(p.mode));
    if (p.ca) all += p.ca->bytes;
    std::array<unsigned char, 32> out{};
    EVP_Digest(all.data(), all.size(), out.data(), nullptr, EVP_sha256(), nullptr);
    return out;
}

// The host name of the extension's list, as it came; false: malformed.
bool server_name(const unsigned char* at, std::size_t size, std::string_view& name) {
    const auto number = [&](std::size_t i) { return std::size_t{at[i]} << 8 | at[i + 1]; };
    if (size < 5 || number(0) != size - 2 || at[2] != TLSEXT_NAMETYPE_host_name) return false;
    if (number(3) != size - 5 || size == 5 || size - 5 > TLSEXT_MAXLEN_host_name) return false;
    name = {reinterpret_cast<const char*>(at + 5), size - 5};
    return name.find('\0') == std::string_view::npos;
}

std::string_view lowered(std::string_view name, char (&into)[TLSEXT_MAXLEN_host_name]) {
    std::transform(name.begin(), name.end(), into, pk::lower);
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
    return {into, name.size()};
}

}  // namespace

// OpenSSL's callbacks.
struct server_calls {
    static accepting& facts(SSL* ssl) { return *static_cast<accepting*>(SSL_get_app_data(ssl)); }

    // The first thing that happens to a ClientHello: sessions, certificates and verification
    // follow what is set here.
    static int on_hello(SSL* ssl, int* alert, void*) {
        accepting& a = facts(ssl);
        const unsigned char* at = nullptr;
        std::size_t size = 0;
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &size) == 1) {
            std::string_view name;
            if (!server_name(at, size, name)) {
                *alert = SSL_AD_DECODE_ERROR;
                return SSL_CLIENT_HELLO_ERROR;
            }
            char lower[TLSEXT_MAXLEN_host_name];
            const auto found = a.of->names_.find(lowered(name, lower));
            a.named = found.has_value();
            a.site = found.value_or(0);
        }
        return enter(ssl, a) ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
    }

    static bool enter(SSL* ssl, const accepting& a) {
        const auto& site = a.of->sites_[a.site];
        const policy& p = a.of->policies_[site.policy];
        if (SSL_set_SSL_CTX(ssl, site.context.get()) == nullptr) return false;
        SSL_set_verify(ssl, verify_mode(p), nullptr);
        const std::string_view place = pk::view(a.conn->api->place(a.conn));
        std::string whole(place);
        whole.append(reinterpret_cast<const char*>(p.digest.data()), p.digest.size());
        unsigned char id[SSL_MAX_SID_CTX_LENGTH];
        static_assert(sizeof id == 32);
        return EVP_Digest(whole.data(), whole.size(), id, nullptr, EVP_sha256(), nullptr) == 1 &&
               SSL_set_session_id_context(ssl, id, sizeof id) == 1;
    }

    static int verify_mode(const policy& p) {
        switch (p.mode) {
            case client_mode::none:
                return SSL_VERIFY_NONE;
            case client_mode::optional:
                return SSL_VERIFY_PEER;
            case client_mode::required:
                break;
        }
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }

    static int on_name(SSL* ssl, int*, void*) {
        return facts(ssl).named ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
    }

    // The listener's order wins. `list`: lengths and names, checked by OpenSSL.
    static int on_protocols(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                            const unsigned char* list, unsigned size, void*) {
        const pk::conn c(facts(ssl).conn);
        const auto ours = c.protocols();
        if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
        for (const pk_str& each : ours) {
            for (unsigned at = 0; at < size; at += list[at] + 1u) {
                const std::string_view theirs(reinterpret_cast<const char*>(list + at + 1),
                                              list[at]);
                if (theirs != pk::view(each) || c.set_protocol(theirs) != PK_OK) continue;
                *out = list + at + 1;
                *out_size = list[at];
                return SSL_TLSEXT_ERR_OK;
            }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol, RFC 7301
    }

    static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                         EVP_MAC_CTX* mac, int seal) {
        server& s = *facts(ssl).of;
        const int used = use_ticket_key(s.tickets_, records::mine().worker, s.clock_.now(), name,
                                        iv, cipher, mac, seal == 1);
        // In 1.3 a ticket is for one use (RFC 8446, C.4): whoever resumes is given the next one.
        return used == 1 && seal != 1 && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : used;
    }

    // A session is not resumed when the certificate that its client showed has expired: tickets are
    // renewed for as long as they are used.
    static SSL_TICKET_RETURN on_opened(SSL*, SSL_SESSION* session, const unsigned char*,
                                       std::size_t, SSL_TICKET_STATUS status, void*) {
        const bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
        const X509* shown = opened ? SSL_SESSION_get0_peer(session) : nullptr;
        const bool late = shown && X509_cmp_current_time(X509_get0_notAfter(shown)) < 0;
        if (!opened || late) return SSL_TICKET_RETURN_IGNORE_RENEW;
        return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
    }

    // An answer out of date is worse than none: there are browsers that take it for a failure.
    static int on_status(SSL* ssl, void*) {
        const server& s = *facts(ssl).of;
        const X509* shown = SSL_get_certificate(ssl);
        for (const certificate& c : s.certificates_) {
            const std::string& answer = c.ocsp.answer;
            if (c.leaf.get() != shown || answer.empty()) continue;
            if (c.ocsp.until < std::time(nullptr)) break;
            auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(answer.data(), answer.size()));
            if (copy == nullptr) break;
            SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(answer.size()));
            return SSL_TLSEXT_ERR_OK;
        }
        return SSL_TLSEXT_ERR_NOACK;
    }
};

server::server(const settings& conf, const pk::host& h)
    : host_(h), clock_(h), conf_(conf), tickets_(conf.tickets, h.worker_count(), clock_.now()) {
    if (conf.certificates.empty()) {
        throw pk::config_error("certificates", "a listener needs a certificate");
    }
    for (const certificate_settings& each : conf.certificates) {
        certificates_.push_back(load(each, [&](const pk::file_content& file, std::string_view why) {
            host_.warning(file, why);
        }));
    }
    read_policies(conf);
    read_names(conf);
}

std::uint32_t server::add_policy(const client_settings& own, const client_settings& usual) {
    const bool inherits = !own.mode && !own.ca;
    const client_settings& from = inherits ? usual : own;
    policy p;
    p.ca = from.ca ? from.ca : usual.ca;
    p.mode = from.mode.value_or(from.ca ? client_mode::required : client_mode::none);
    if (p.mode == client_mode::none) {
        p.ca.reset();
    } else if (!p.ca) {
        throw pk::config_error(
            "client_certificates",
            "mode asks for certificates of clients: `ca` must say who signs them");
    } else {
        read_certificates(*p.ca);  // Says no here to what holds none.
    }
    p.digest = digest_of(p);
    const auto same = std::find(policies_.begin(), policies_.end(), p);
    if (same != policies_.end()) return static_cast<std::uint32_t>(same - policies_.begin());
    policies_.push_back(p);
    return static_cast<std::uint32_t>(policies_.size() - 1);
}

void server::read_policies(const settings& conf) {
    for (const certificate_settings& each : conf.certificates) {
        policy_of_.push_back(add_policy(each.clients, conf.clients));
    }
}

// Names get, of each key type, the first certificate that is for them, and of all policies that
// are for them, a wildcard's included, the strictest (S23).
void server::read_names(const settings& conf) {
    std::map<std::string, std::vector<std::uint32_t>> by_name;
    std::vector<std::string> order;
    for (std::uint32_t i = 0; i < certificates_.size(); ++i) {
        std::vector<std::string> names = certificates_[i].names;
        if (!conf.certificates[i].hosts.empty()) {
            names.clear();
            for (std::string_view host : conf.certificates[i].hosts) {
                std::string name(host);
                std::transform(name.begin(), name.end(), name.begin(), pk::lower);
                const std::string probe = name.starts_with("*.") ? "x" + name.substr(1) : name;
                if (X509_check_host(certificates_[i].leaf.get(), probe.data(), probe.size(), 0,
                                    nullptr) != 1) {
                    host_.warning(conf.certificates[i].cert,
                                  "the certificate is not valid for '" + name + "'");
                }
                names.push_back(std::move(name));
            }
        }
        // Nobody would be shown it, nor asked what it asks of clients.
        if (i > 0 && names.empty()) {
            throw pk::config_error(conf.certificates[i].cert,
                                   "'" + std::string(conf.certificates[i].cert.path) +
                                       "' bears no host name that it could be chosen by: "
                                       "give its `hosts`, or make it the first");
        }
        for (std::string& name : names) {
            auto& list = by_name[name];
            if (list.empty()) order.push_back(name);
            list.push_back(i);
        }
    }
    name_table wildcards;
    std::map<std::string, std::uint32_t> policies;
    for (const std::string& name : order) {
        std::uint32_t chosen = policy_of_[by_name[name].front()];
        for (std::uint32_t i : by_name[name]) {
            if (policies_[policy_of_[i]].stricter_than(policies_[chosen])) chosen = policy_of_[i];
        }
        policies[name] = chosen;
        if (name.starts_with("*.")) wildcards.add(name, chosen);
    }
    default_site(conf);
    for (const std::string& name : order) {
        std::uint32_t chosen = policies[name];
        wildcards.each_above(name, [&](std::uint32_t above) {
            if (policies_[above].stricter_than(policies_[chosen])) chosen = above;
            return false;
        });
        if (chosen != policies[name]) {
            host_.warning(conf.certificates[by_name[name].front()].cert,
                          "'" + name + "' is also covered by a wildcard that asks more of " +
                              "clients: so does it");
        }
        names_.add(name, site_for(by_name[name], chosen));
    }
}

// For clients that name no host that is known: the first certificate with those of other key types
// for the same first name.
std::uint32_t server::default_site(const settings&) {
    std::vector<std::uint32_t> those{0};
    const auto& names = certificates_.front().names;
    for (std::uint32_t i = 1; i < certificates_.size() && !names.empty(); ++i) {
        const auto& other = certificates_[i].names;
        if (std::find(other.begin(), other.end(), names.front()) != other.end()) {
            those.push_back(i);
        }
    }
    return site_for(those, policy_of_.front());
}

std::uint32_t server::site_for(const std::vector<std::uint32_t>& certificates,
                               std::uint32_t policy) {
    site s{nullptr, policy, {}};
    for (std::uint32_t i : certificates) {
        const bool have = std::any_of(
            s.certificates.begin(), s.certificates.end(),
            [&](std::uint32_t k) { return certificates_[k].kind() == certificates_[i].kind(); });
        if (!have) s.certificates.push_back(i);
    }
    for (std::uint32_t i = 0; i < sites_.size(); ++i) {
        if (sites_[i].policy == policy && sites_[i].certificates == s.certificates) return i;
    }
    s.context = make_context(s);
    sites_.push_back(std::move(s));
    return static_cast<std::uint32_t>(sites_.size() - 1);
}

context_ptr server::make_context(const site& s) const {
    context_ptr made = tls::make_context(conf_, TLS_server_method());
    SSL_CTX* ctx = made.get();
    // A request says itself where it ends: a client that only closes has said all (RFC 9112, 9.8).
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    for (std::uint32_t i : s.certificates) {
        put_certificate(ctx, certificates_[i], conf_.certificates[i]);
    }
    const policy& p = policies_[s.policy];
    if (p.ca) {
        trust(ctx, *p.ca);
        for (const x509_ptr& x : read_certificates(*p.ca)) SSL_CTX_add_client_CA(ctx, x.get());
    }
    SSL_CTX_set_client_hello_cb(ctx, &server_calls::on_hello, nullptr);
    SSL_CTX_set_tlsext_servername_callback(ctx, &server_calls::on_name);
    SSL_CTX_set_alpn_select_cb(ctx, &server_calls::on_protocols, nullptr);
    SSL_CTX_set_tlsext_status_cb(ctx, &server_calls::on_status);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (conf_.tickets.enabled) {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, &server_calls::on_ticket);
        SSL_CTX_set_session_ticket_cb(ctx, nullptr, &server_calls::on_opened, nullptr);
        SSL_CTX_set_timeout(ctx, static_cast<long>(conf_.tickets.lifetime.count()));
    } else {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
    }
    return made;
}

// One every period / count, a burst of one period's: a clock that runs ahead of now by what was
// taken.
bool server::may_begin() {
    if (!conf_.handshake_rate || conf_.handshake_rate->count <= 0) return true;
    const std::int64_t period = conf_.handshake_rate->period.count();
    const std::int64_t step = period / conf_.handshake_rate->count;
    const std::int64_t now = clock_.now().count();
    std::int64_t seen = next_allowed_.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
        next = std::max(seen, now) + step;
        if (next - now > period) return false;
    } while (!next_allowed_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
    return true;
}

ssl_ptr server::begin(accepting& facts) {
    ssl_ptr ssl(SSL_new(sites_.front().context.get()));
    if (!ssl) return ssl;
    SSL_set_app_data(ssl.get(), &facts);
    SSL_set_accept_state(ssl.get());
    return ssl;
}

bool server::serves(std::uint32_t mine, std::string_view host) const {
    const std::uint32_t other = names_.find(host).value_or(0);
    return sites_[mine].policy == sites_[other].policy;
}

}  // namespace tls

// What both sides set on a context: versions, suites, groups, certificates, trust.

#include <algorithm>

#include "server.hpp"

namespace tls {
namespace {

// Mozilla "intermediate", without finite-field DHE.
constexpr std::string_view usual_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr std::string_view usual_curves = "X25519:P-256:P-384";

std::string joined(const std::vector<std::string_view>& words, std::string_view usual) {
    std::string all;
    for (std::string_view w : words) all.append(all.empty() ? "" : ":").append(w);
    return words.empty() ? std::string(usual) : all;
}

void set_ciphers(SSL_CTX* ctx, const settings& conf) {
    for (std::string_view name : conf.ciphers) {
        const std::string one(name);
        // A word such as ALL or !NULL would be a rule of its own language.
        const bool plain = std::all_of(one.begin(), one.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        });
        if (!plain || !one.starts_with("ECDHE-") ||
            SSL_CTX_set_cipher_list(ctx, one.c_str()) != 1) {
            ERR_clear_error();
            throw pk::config_error("ciphers", "'" + one + "' is not a suite with ECDHE");
        }
        const STACK_OF(SSL_CIPHER)* made = SSL_CTX_get_ciphers(ctx);
        for (int i = 0; i < sk_SSL_CIPHER_num(made); ++i) {
            const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(made, i);
            if (SSL_CIPHER_is_aead(cipher) != 1) {
                throw pk::config_error("ciphers",
                                       "'" + one + "' has no AEAD: a CBC suite is not safe");
            }
        }
    }
    if (SSL_CTX_set_cipher_list(ctx, joined(conf.ciphers, usual_ciphers).c_str()) != 1) {
        throw pk::config_error("ciphers", "no suite is usable: " + take_error());
    }
}

void set_curves(SSL_CTX* ctx, const settings& conf) {
    for (std::string_view name : conf.curves) {
        if (SSL_CTX_set1_groups_list(ctx, std::string(name).c_str()) == 1) continue;
        ERR_clear_error();
        throw pk::config_error("curves", "'" + std::string(name) + "' is not a known group");
    }
    if (SSL_CTX_set1_groups_list(ctx, joined(conf.curves, usual_curves).c_str()) != 1) {
        throw pk::config_error("curves", "not a list of groups: " + take_error());
    }
}

}  // namespace

context_ptr make_context(const settings& conf, const SSL_METHOD* method) {
    context_ptr ctx(SSL_CTX_new(method));
    if (!ctx) throw pk::config_error("OpenSSL made no context: " + take_error());
    const int oldest = conf.min_version == version::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_min_proto_version(ctx.get(), oldest);
    SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    set_ciphers(ctx.get(), conf);
    set_curves(ctx.get(), conf);
    return ctx;
}

void put_certificate(SSL_CTX* ctx, const certificate& c, const certificate_settings& from) {
    const auto refuse = [](const pk::file_content& file) {
        throw pk::config_error(file, "'" + std::string(file.path) + "': " + take_error());
    };
    if (SSL_CTX_use_certificate(ctx, c.leaf.get()) != 1) refuse(from.cert);
    if (SSL_CTX_use_PrivateKey(ctx, c.key.get()) != 1) refuse(from.key);
    SSL_CTX_clear_chain_certs(ctx);
    for (const x509_ptr& signer : c.chain) {
        if (SSL_CTX_add1_chain_cert(ctx, signer.get()) != 1) refuse(from.cert);
    }
    // What the file holds is sent, nothing that OpenSSL finds elsewhere.
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
}

void trust(SSL_CTX* ctx, const pk::file_content& ca) {
    X509_STORE* store = SSL_CTX_get_cert_store(ctx);
    // Who is named is believed, though not self-signed: an intermediate that signs, a pinned
    // origin.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (const x509_ptr& x : read_certificates(ca)) {
        if (X509_STORE_add_cert(store, x.get()) == 1) continue;
        throw pk::config_error(ca, "'" + std::string(ca.path) + "': " + take_error());
    }
}

}  // namespace tls

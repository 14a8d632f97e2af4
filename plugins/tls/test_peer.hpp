// For tests: the other end of a connection, by OpenSSL itself.

#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <pkernel/testing.hpp>

#include <functional>
#include <string>

#include "test_authority.hpp"

namespace tls::testing {

using pk::testing::transport_conn;

// A session to be used once, with the first one left as it is.
class session_copy {
public:
    explicit session_copy(SSL_SESSION* of) : copy_(SSL_SESSION_dup(of)) {}
    SSL_SESSION* get() const { return copy_.get(); }

private:
    session_ptr copy_;
};

class peer {
public:
    struct spec {
        bool server = false;
        std::string sni = {};
        std::vector<std::string> protocols = {};
        const identity* show = nullptr;
        int version = 0;  // Only this one.
        SSL_SESSION* session = nullptr;
        std::string ciphers = {};
        bool ask_status = false;
        const identity* ask_clients_of = nullptr;
    };

    explicit peer(int fd, const spec& s)
        : context_(SSL_CTX_new(s.server ? TLS_server_method() : TLS_client_method())) {
        SSL_CTX* ctx = context_.get();
        if (s.show) {
            SSL_CTX_use_certificate(ctx, s.show->cert.get());
            SSL_CTX_use_PrivateKey(ctx, s.show->key.get());
        }
        if (s.version) {
            SSL_CTX_set_min_proto_version(ctx, s.version);
            SSL_CTX_set_max_proto_version(ctx, s.version);
        }
        if (!s.ciphers.empty()) SSL_CTX_set_cipher_list(ctx, s.ciphers.c_str());
        if (s.ask_clients_of) {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), s.ask_clients_of->cert.get());
            SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        }
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
        SSL_CTX_set_app_data(ctx, this);
        SSL_CTX_sess_set_new_cb(ctx, [](SSL* of, SSL_SESSION* made) {
            auto* p = static_cast<peer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(of)));
            p->session_.reset(made);
            return 1;
        });
        if (s.server) {
            SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>("t"), 1);
        }
        ssl_.reset(SSL_new(ctx));
        SSL* ssl = ssl_.get();
        if (!s.sni.empty()) SSL_set_tlsext_host_name(ssl, s.sni.c_str());
        std::string list;
        for (const std::string& p : s.protocols) list += static_cast<char>(p.size()) + p;
        if (!list.empty()) {
            SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                                static_cast<unsigned>(list.size()));
        }
        if (s.session) SSL_set_session(ssl, s.session);
        if (s.ask_status) SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
        SSL_set_fd(ssl, fd);
        if (s.server)
            SSL_set_accept_state(ssl);
        else
            SSL_set_connect_state(ssl);
    }

    SSL* ssl() const { return ssl_.get(); }
    SSL_SESSION* session() const { return session_.get(); }

    // True when done. Errors are kept in `error`.
    bool step() {
        const int r = SSL_do_handshake(ssl());
        return r == 1 || (note(r), false);
    }
    // All that there is now.
    std::string receive() {
        std::string all;
        char part[20000];
        for (;;) {
            const int n = SSL_read(ssl(), part, sizeof part);
            if (n <= 0) {
                ended = SSL_get_error(ssl(), n) == SSL_ERROR_ZERO_RETURN;
                note(n);
                return all;
            }
            all.append(part, static_cast<std::size_t>(n));
        }
    }
    void send(const std::string& bytes) {
        const int n = SSL_write(ssl(), bytes.data(), static_cast<int>(bytes.size()));
        if (n != static_cast<int>(bytes.size())) throw std::runtime_error("peer: send");
    }

    bool ended = false;
    std::string error;  // Why it failed; empty: it did not.

private:
    void note(int r) {
        const int e = SSL_get_error(ssl(), r);
        if (e == SSL_ERROR_SSL || e == SSL_ERROR_SYSCALL) error = take_error();
        ERR_clear_error();
    }

    context_ptr context_;
    ssl_ptr ssl_;
    session_ptr session_;
};

// Both sides until they are done or one failed. Gives the transport's last answer.
inline pk_io shake(transport_conn& ours, peer& theirs) {
    pk_io answer = PK_IO_WANT_READ;
    bool done = false;
    for (int i = 0; i < 50; ++i) {
        done = theirs.step() || done;
        if (answer != PK_IO_DONE) answer = ours.handshake();
        if (answer == PK_IO_FAILED) {
            theirs.step();  // It reads the alert.
            return answer;
        }
        if (answer == PK_IO_DONE && done) break;
    }
    return answer;
}

}  // namespace tls::testing

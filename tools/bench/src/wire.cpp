#include "wire.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace bench {

tls_client::tls_client(bool used, bool resumes) : resumes_(resumes) {
    if (!used) return;
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context_, 1);
    SSL_CTX_set_default_read_buffer_len(context_, 64 * 1024);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_, keep);
    SSL_CTX_set_app_data(context_, this);
}

tls_client::~tls_client() {
    SSL_SESSION_free(session_);
    SSL_CTX_free(context_);
}

int tls_client::keep(SSL* ssl, SSL_SESSION* session) {
    auto& all = *static_cast<tls_client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    if (!all.resumes_ || all.session_ != nullptr) return 0;
    all.session_ = session;
    return 1;
}

SSL* tls_client::begin(int fd) {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "bench.local");
    if (session_ != nullptr) {  // One of TLS 1.3 is used up by its use: each time a copy.
        SSL_SESSION* copy = SSL_SESSION_dup(session_);
        SSL_set_session(ssl, copy);
        SSL_SESSION_free(copy);
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

void wire::begin(tls_client& with, int fd) {
    fd_ = fd;
    ssl_ = with.used() ? with.begin(fd) : nullptr;
}

void wire::close() {
    if (ssl_ != nullptr) {
        SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // The session is good.
        SSL_free(ssl_);
    }
    if (fd_ >= 0) ::close(fd_);
    ssl_ = nullptr;
    fd_ = -1;
}

ssize_t wire::answer(int result) {
    if (result > 0) return result;
    const int error = SSL_get_error(ssl_, result);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    const bool waits = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    if (!waits && error == SSL_ERROR_SYSCALL && errno == ENOTCONN) return -1;
    errno = waits ? EAGAIN : EPROTO;
    return -1;
}

ssize_t wire::send(const iovec* parts, int count) {
    if (ssl_ == nullptr) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(parts);
        message.msg_iovlen = static_cast<std::size_t>(count);
        return ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    }
    const iovec& first = parts[0].iov_len > 0 || count == 1 ? parts[0] : parts[1];
    return answer(SSL_write(ssl_, first.iov_base, static_cast<int>(first.iov_len)));
}

ssize_t wire::receive(char* into, std::size_t size) {
    if (ssl_ == nullptr) return ::recv(fd_, into, size, 0);
    return answer(SSL_read(ssl_, into, static_cast<int>(size)));
}

}  // namespace bench

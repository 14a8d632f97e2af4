// A client's socket, with TLS on it when the run asks for it. Calls answer as the system's do:
// bytes, 0 at the end, -1 with errno; EAGAIN until an event, whichever the handshake needs.

#pragma once

#include <openssl/ssl.h>
#include <sys/uio.h>

#include <cstddef>

namespace bench {

// One for all connections of a run: the newest session, where the next one shall resume.
class tls_client {
public:
    tls_client(bool used, bool resumes);
    ~tls_client();
    tls_client(const tls_client&) = delete;

    SSL* begin(int fd);
    bool used() const { return context_ != nullptr; }

private:
    static int keep(SSL* ssl, SSL_SESSION* session);

    SSL_CTX* context_ = nullptr;
    SSL_SESSION* session_ = nullptr;
    bool resumes_;
};

class wire {
public:
    ~wire() { close(); }

    void begin(tls_client& with, int fd);
    void close();
    int fd() const { return fd_; }
    ssize_t send(const iovec* parts, int count);
    ssize_t receive(char* into, std::size_t size);
    // Whether a read of less than it had room for has emptied the socket.
    bool short_reads_tell() const { return ssl_ == nullptr; }

private:
    ssize_t answer(int result);

    int fd_ = -1;
    SSL* ssl_ = nullptr;
};

}  // namespace bench

// One TLS connection on its fd: OpenSSL behind a BIO of our own.
//
// Reads take as much as the socket has, several records at once; a short one tells that the socket
// is empty, so that nobody has to ask it again. Records that are sealed in one hook leave in as few
// calls as they fit. What the socket does not take, or a full reader leaves, is kept in memory of
// the connection's own until the next hook.

#pragma once

#include <pkernel/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "openssl.hpp"
#include "records.hpp"

namespace tls {

// The BIO of all connections of an instance; outlives them.
bio_method_ptr make_bio_method();

class channel {
public:
    // False: no memory.
    bool begin(ssl_ptr ssl, const BIO_METHOD* method, int fd);
    ~channel();

    SSL* ssl() const noexcept { return ssl_.get(); }
    bool established() const noexcept { return established_; }

    pk::io handshake(const pk::conn& c);
    pk::io read(const pk::conn& c, std::span<char> into, std::uint64_t& n);
    pk::io write(const pk::conn& c, pk::data bytes, std::uint64_t& n);
    pk::io close_write();

private:
    friend struct channel_bio;
    class lease;
    // Of answers to the peer that it does not take, beside a batch of its data: then it is not
    // read.
    static constexpr std::size_t answers_max = 2 * sizeof(records::out);

    struct kept {
        std::unique_ptr<char[]> bytes;
        std::size_t size = 0;
        void keep(const char* at, std::size_t n);
        void drop(std::size_t n) noexcept;
    };

    bool receive();
    bool send_kept() noexcept;
    std::size_t send_out(int flags = 0) noexcept;
    pk::io failed(const pk::conn& c, std::uint32_t cause, std::string_view what);
    pk::io failed(const pk::conn& c, int error);
    pk::io seal(const pk::conn& c, pk::data bytes, std::uint64_t skip, std::uint64_t& n);

    ssl_ptr ssl_;
    kept unread_;
    kept unsent_;
    records* lent_ = nullptr;  // Inside a hook.
    std::size_t room_ = 0;     // Of the reader, inside a hook.
    // Plaintext at the front of the next write that lies sealed in unsent_.
    std::uint64_t sealed_ahead_ = 0;
    int fd_ = -1;
    int errno_ = 0;
    bool short_read_ = false;  // In this hook: the socket was emptied.
    bool ended_ = false;       // The peer's FIN was read.
    bool broken_ = false;      // The socket.
    bool established_ = false;
    bool failed_ = false;
    bool congested_ = false;  // The socket did not take all, the last time.
};

}  // namespace tls

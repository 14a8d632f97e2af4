// A connection's fd with its transport, if it has one: plaintext in and out of either.
//
// Owns both. Whoever holds it polls the fd and keeps the readable and writable flags.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "kernel/base/input_buffer.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/net/socket.hpp"
#include "kernel/net/transport.hpp"

namespace pkernel::net {

class wire {
public:
    explicit wire(int fd = -1) noexcept : fd_(fd) {}
    wire(wire&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)),
          wrote_last_(other.wrote_last_),
          session_(std::move(other.session_)) {}
    wire& operator=(wire&&) = delete;
    ~wire() { close(false); }

    int fd() const noexcept { return fd_; }
    bool open() const noexcept { return fd_ >= 0; }
    void attach(int fd) noexcept { fd_ = fd; }
    // False: the transport refused the connection.
    bool begin(session_context& in, const transport_plan& plan, const session::facts& about,
               session_owner& owner) {
        session_ = net::session::open(in, plan, fd_, about, owner);
        return session_ != nullptr;
    }
    net::session* session() const noexcept { return session_.get(); }

    // A transport may have to write in order to read, and the other way round: either event lets
    // both go on.
    std::uint32_t events(std::uint32_t e) const noexcept {
        return session_ && (e & (io_readable | io_writable)) ? e | io_readable | io_writable : e;
    }
    // `fin`: the peer's FIN was seen. It may lie behind bytes of which the transport needs more.
    io_result receive(char* at, std::size_t size, bool fin = false) noexcept {
        if (!session_) return net::receive(fd_, at, size);
        const auto r = session_->receive(at, size);
        return r.status == io_status::would_block && fin ? session_->receive(at, size) : r;
    }
    // Whether a read of `got` bytes into `room` has emptied what there was to read. Only a FIN that
    // came before can lie behind it.
    bool emptied(std::size_t got, std::size_t room) const noexcept {
        return session_ ? session_->drained() : got < room;
    }
    // Takes from the front of `out`. `more`: further bytes or the end follow in the same turn.
    io_result send(base::slice_queue& out, bool more) noexcept;
    // Reads into `in`, which has room, and keeps its owner's flags: whether there may be more to
    // read, and whether the peer's FIN was seen.
    io_result fill(base::input_buffer& in, bool& readable, bool& peer_closed) noexcept;
    // No more is written from here on; what still comes is thrown away, `most` bytes of it in all,
    // counted in `so_far`. False: that is over, for the peer has ended or sent too much.
    bool outlast(bool& readable, std::uint64_t& so_far, std::uint64_t most) noexcept;
    // No more is written: the transport's goodbye, if it has one, and FIN; reading goes on. False:
    // the goodbye waits for the fd, ask again.
    bool end_writing() noexcept;
    void close(bool with_reset) noexcept;

    // True when the peer has closed, or has sent something, on a connection that should be silent.
    bool is_stale() noexcept;
    // The fd, where it carries plaintext in that direction, or -1.
    int plain_to_write() const noexcept {
        return !session_ || (session_->plaintext() & PK_PLAIN_WRITE) ? fd_ : -1;
    }
    int plain_to_read() const noexcept {
        return !session_ || (session_->plaintext() & PK_PLAIN_READ) ? fd_ : -1;
    }

private:
    int fd_;
    bool wrote_last_ = false;
    std::unique_ptr<net::session> session_;
};

}  // namespace pkernel::net

#include "kernel/net/wire.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace pkernel::net {

namespace {

constexpr int vectors_per_write = 64;

}  // namespace

io_result wire::send(base::slice_queue& out, bool more) noexcept {
    if (session_) return session_->send(out, more);
    iovec parts[vectors_per_write];
    const int n = out.gather(parts, vectors_per_write);
    const auto r = send_some(fd_, parts, n, more);
    out.consume(r.bytes);
    return r;
}

io_result wire::fill(base::input_buffer& in, bool& readable, bool& peer_closed) noexcept {
    const std::size_t room = in.free_size();
    const auto r = receive(in.free_space(), room, peer_closed);
    switch (r.status) {
        case io_status::done:
            in.filled(r.bytes);
            // A short read has emptied the fd; only a FIN seen before can be behind it.
            if (emptied(r.bytes, room) && !peer_closed) readable = false;
            break;
        case io_status::end:
            peer_closed = true;
            readable = false;
            break;
        case io_status::would_block:
            readable = false;
            break;
        case io_status::failed:
            break;
    }
    return r;
}

bool wire::outlast(bool& readable, std::uint64_t& so_far, std::uint64_t most) noexcept {
    end_writing();
    char nowhere[16 * 1024];
    while (readable) {
        const auto r = receive(nowhere, sizeof nowhere);
        if (r.status == io_status::would_block) {
            readable = false;
            return true;
        }
        so_far += r.bytes;
        if (r.status != io_status::done || so_far > most) return false;
    }
    return true;
}

bool wire::end_writing() noexcept {
    if (wrote_last_) return true;
    if (session_ && !session_->close_write()) return false;
    ::shutdown(fd_, SHUT_WR);
    return wrote_last_ = true;
}

void wire::close(bool with_reset) noexcept {
    if (fd_ < 0) return;
    if (session_ && !with_reset) session_->close_write();
    session_.reset();
    if (with_reset)
        close_with_reset(fd_);
    else
        ::close(fd_);
    fd_ = -1;
}

bool wire::is_stale() noexcept {
    if (!session_) return net::is_stale(fd_);
    char c;
    return session_->receive(&c, 1).status != io_status::would_block;
}

}  // namespace pkernel::net

#include "kernel/net/wire.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace pkernel::net {

namespace {

constexpr int vectors_per_write = 64;

}  // namespace

io_result wire::send(base::slice_queue& out, bool more) noexcept {
    if (session_) return session_->send(out);
    iovec parts[vectors_per_write];
    const int n = out.gather(parts, vectors_per_write);
    const auto r = send_some(fd_, parts, n, more);
    out.consume(r.bytes);
    return r;
}

bool wire::end_writing() noexcept {
    if (session_ && !session_->close_write()) return false;
    ::shutdown(fd_, SHUT_WR);
    return true;
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

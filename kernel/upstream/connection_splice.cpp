// The part of a connection that moves bodies past itself by splice(2).

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "kernel/upstream/connection.hpp"

namespace pkernel::upstream {

std::uint64_t connection::spliceable() const noexcept {
    const bool fits = phase_ == phase::body && in_.empty() && wire_.plain_to_read() >= 0;
    return fits ? body_.left() : 0;
}

std::int64_t connection::splice_into(int pipe, std::size_t most) {
    if (!readable_) return 0;
    const auto want = std::min<std::uint64_t>(most, body_.left());
    ssize_t n;
    do n = ::splice(wire_.fd(), nullptr, pipe, nullptr, want, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        body_.moved(static_cast<std::uint64_t>(n));
        gathering_.moved(wire_.fd(), static_cast<std::uint64_t>(n), body_.left());
        time(timing::stall, what_.limits->stall);
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        readable_ = false;
        if (gathering_.wait(wire_.fd(), body_.left())) time(timing::gathering, gathering::wait_max);
        return 0;
    }
    fail(n == 0 ? failure_kind::closed : failure_kind::reset);
    return -1;
}

int connection::body_sink() noexcept {
    if (!reads() || request_ended_ || write_failed_ || phase_ == phase::tunnel) return -1;
    if (wire_.plain_to_write() < 0 || (readable_ && nothing_asked())) return -1;
    while (!out_.empty() && writable_) {
        const auto r = wire_.send(out_, true);
        if (r.status == net::io_status::would_block) writable_ = false;
        if (r.status != net::io_status::done) return -1;  // An error shows again.
    }
    wrote_ = true;
    return out_.empty() && writable_ ? wire_.plain_to_write() : -1;
}

// What has come by now is moved at once, and what comes later, too. The silence began when the
// waiting did.
void connection::stop_gathering() {
    gathering_.give_up(wire_.fd());
    time(timing::stall, what_.limits->stall - gathering::wait_max);
    readable_ = true;
    read();
}

}  // namespace pkernel::upstream

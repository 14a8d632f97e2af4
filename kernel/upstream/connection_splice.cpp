// The part of a connection that moves bodies and tunnels past itself by splice(2).

#include <cerrno>
#include <limits>

#include "kernel/upstream/connection.hpp"

namespace pkernel::upstream {

bool connection::splices() const noexcept {
    if (!in_.empty() || !readable_ || wire_.plain_to_read() < 0) return false;
    return phase_ == phase::tunnel ? full_reads_ >= net::fd_splice::full_reads_min
                                   : phase_ == phase::body && body_.left() >= splice_body_min;
}

std::uint64_t connection::left() const noexcept {
    return phase_ == phase::tunnel ? std::numeric_limits<std::uint64_t>::max() : body_.left();
}

std::int64_t connection::fill(int pipe, std::size_t most) noexcept {
    if (phase_ == phase::tunnel && !readable_) full_reads_ = 0;
    errno = EAGAIN;
    if (!readable_) return -1;
    const auto n = net::splice_some(wire_.fd(), pipe, most);
    const bool silent = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (silent) readable_ = false;
    if (phase_ == phase::tunnel) {
        if (silent) full_reads_ = 0;
    } else if (n > 0) {
        const auto moved = static_cast<std::uint64_t>(n);
        body_.moved(moved);
        gathering_.moved(wire_.fd(), moved, body_.left());
        time(timing::stall, what_.limits->stall);
    } else if (silent && gathering_.wait(wire_.fd(), body_.left())) {
        time(timing::gathering, gathering::wait_max);
    }
    return n;
}

void connection::source_over(net::fd_splice::outcome how) {
    if (how == net::fd_splice::outcome::done) return finish_response();
    if (how == net::fd_splice::outcome::failed) return fail(failure_kind::reset);
    readable_ = false;
    peer_ended();
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

#include "kernel/net/fd_splice.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace pkernel::net {

std::int64_t splice_some(int from, int to, std::size_t most, unsigned flags) noexcept {
    for (;;) {
        const ssize_t n =
            ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK | flags);
        if (n >= 0 || errno != EINTR) return n;
    }
}

std::int64_t fd_source::fill(int pipe, std::size_t most) noexcept {
    const auto n = splice_some(fd_, pipe, most);
    if (n > 0) left_ -= static_cast<std::uint64_t>(n);
    return n;
}

// The pipe is emptied before it is filled again: so that EAGAIN says which side it is that waits.
fd_splice::outcome fd_splice::pump(pipe_source& from, int to, std::uint64_t& moved) noexcept {
    for (moved = 0;;) {
        if (pipe_.held == 0) {
            const auto left = from.left();
            if (left == 0) return outcome::done;
            if (moved >= bytes_max) return outcome::more;
            const auto n =
                from.fill(pipe_.in(), std::min<std::uint64_t>(left, pipe_pool::pipe_bytes));
            if (n == 0) return outcome::ended;
            if (n < 0)
                return errno == EAGAIN || errno == EWOULDBLOCK ? outcome::waits_source
                                                               : outcome::failed;
            pipe_.held = static_cast<std::uint64_t>(n);
        }
        corked_ = company_ && pipe_.held >= corked_min && from.left() > 0;
        const auto m = splice_some(pipe_.out(), to, pipe_.held, corked_ ? SPLICE_F_MORE : 0);
        if (m <= 0) return outcome::waits_sink;
        pipe_.held -= static_cast<std::uint64_t>(m);
        moved += static_cast<std::uint64_t>(m);
    }
}

}  // namespace pkernel::net

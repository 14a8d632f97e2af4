#include "kernel/net/fd_splice.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace pkernel::net {

namespace {

ssize_t splice_some(int from, int to, std::size_t most) noexcept {
    for (;;) {
        const ssize_t n =
            ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n >= 0 || errno != EINTR) return n;
    }
}

}  // namespace

// The pipe is emptied before it is filled again: so that EAGAIN says which side it is that waits.
fd_splice::outcome fd_splice::pump(int from, int to, std::uint64_t& moved,
                                   std::uint64_t& left) noexcept {
    moved = 0;
    while (moved < bytes_max) {
        if (pipe_.held == 0) {
            if (left == 0) return outcome::done;
            const auto want = std::min<std::uint64_t>(left, pipe_pool::pipe_bytes);
            const auto n = splice_some(from, pipe_.in(), want);
            if (n == 0) return outcome::ended;
            if (n < 0)
                return errno == EAGAIN || errno == EWOULDBLOCK ? outcome::waits_source
                                                               : outcome::failed;
            pipe_.held = static_cast<std::uint64_t>(n);
            left -= pipe_.held;
        }
        const auto m = splice_some(pipe_.out(), to, pipe_.held);
        if (m <= 0) return outcome::waits_sink;
        pipe_.held -= static_cast<std::uint64_t>(m);
        moved += static_cast<std::uint64_t>(m);
    }
    return left == 0 && pipe_.held == 0 ? outcome::done : outcome::more;
}

}  // namespace pkernel::net

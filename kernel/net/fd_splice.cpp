#include "kernel/net/fd_splice.hpp"

#include <fcntl.h>

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
fd_splice::outcome fd_splice::pump(int from, int to, std::uint64_t& moved) noexcept {
    moved = 0;
    while (moved < bytes_max) {
        if (pipe_.held == 0) {
            const auto n = splice_some(from, pipe_.in(), pipe_pool::pipe_bytes);
            if (n == 0) return outcome::ended;
            if (n < 0)
                return errno == EAGAIN || errno == EWOULDBLOCK ? outcome::waits_source
                                                               : outcome::failed;
            pipe_.held = static_cast<std::uint64_t>(n);
        }
        const auto m = splice_some(pipe_.out(), to, pipe_.held);
        if (m <= 0) return outcome::waits_sink;
        pipe_.held -= static_cast<std::uint64_t>(m);
        moved += static_cast<std::uint64_t>(m);
    }
    return outcome::more;
}

}  // namespace pkernel::net

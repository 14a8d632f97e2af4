#include "kernel/net/fd_splice.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

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

bool fd_splice::begin(pipe_pool& pipes) {
    pipe_ = pipes.take();
    pipes_ = &pipes;
    held_ = 0;
    return active();
}

// The pipe is emptied before it is filled again: so that EAGAIN says which side it is that waits.
fd_splice::outcome fd_splice::pump(int from, int to, std::uint64_t& moved) noexcept {
    moved = 0;
    while (moved < bytes_max) {
        if (held_ == 0) {
            const auto n = splice_some(from, pipe_.in.get(), pipe_pool::pipe_bytes);
            if (n == 0) return outcome::ended;
            if (n < 0)
                return errno == EAGAIN || errno == EWOULDBLOCK ? outcome::waits_source
                                                               : outcome::failed;
            held_ = static_cast<std::uint64_t>(n);
        }
        const auto m = splice_some(pipe_.out.get(), to, held_);
        if (m <= 0) return outcome::waits_sink;
        held_ -= static_cast<std::uint64_t>(m);
        moved += static_cast<std::uint64_t>(m);
    }
    return outcome::more;
}

void fd_splice::end() noexcept {
    if (!pipe_) return;
    pipes_->give_back(std::exchange(pipe_, {}), held_ > 0);
    held_ = 0;
}

}  // namespace pkernel::net

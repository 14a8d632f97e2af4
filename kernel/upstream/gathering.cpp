#include "kernel/upstream/gathering.hpp"

#include <sys/socket.h>

namespace pkernel::upstream {

void gathering::mark(int fd, std::uint64_t at) noexcept {
    const int value = static_cast<int>(at);
    const bool done = ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value) == 0;
    marked_ = done && at > 1;
}

void gathering::moved(int fd, std::uint64_t n, std::uint64_t left) noexcept {
    if (large_moves_ != never) {
        if (n < large_move)
            large_moves_ = 0;
        else if (large_moves_ < large_moves_min)
            ++large_moves_;
    }
    // The end must not wait for bytes that do not come.
    if (marked_ && left < bytes) mark(fd, 1);
}

bool gathering::wait(int fd, std::uint64_t left) noexcept {
    const bool fast = large_moves_ == large_moves_min;
    if (!marked_ && fast && left >= rest_min) mark(fd, bytes);
    return marked_;
}

void gathering::give_up(int fd) noexcept {
    if (marked_) mark(fd, 1);
    large_moves_ = never;
}

}  // namespace pkernel::upstream

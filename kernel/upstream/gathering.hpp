// Lets a long body that comes fast gather in its socket before the worker is woken for it
// (SO_RCVLOWAT): it is moved by the quarter megabyte then, not by what came since the last look.
//
// Only what is known to be long, and has come fast so far, is waited for, and never for more than
// `wait_max`: who takes longer is looked at at once from there on. The system wakes us sooner where
// its buffer is full, and at the end.

#pragma once

#include <cstdint>

#include "kernel/net/timer.hpp"

namespace pkernel::upstream {

class gathering {
public:
    static constexpr std::uint64_t bytes = 256 * 1024;
    static constexpr std::uint64_t rest_min = 4 * bytes;  // Of the body, to begin.
    static constexpr std::uint64_t large_move = 32 * 1024;
    static constexpr std::uint8_t large_moves_min = 4;  // In a row.
    static constexpr net::nanoseconds wait_max = std::chrono::milliseconds(5);

    // A new body.
    void begin() noexcept { large_moves_ = 0; }
    // So many were moved in one go, so many are still to come.
    void moved(int fd, std::uint64_t n, std::uint64_t left) noexcept;
    // Nothing is there. True: so it will look for a while, ask again after `wait_max`.
    bool wait(int fd, std::uint64_t left) noexcept;
    // It took too long: not for this body again.
    void give_up(int fd) noexcept;

private:
    static constexpr std::uint8_t never = 255;

    void mark(int fd, std::uint64_t at) noexcept;

    bool marked_ = false;
    std::uint8_t large_moves_ = 0;
};

}  // namespace pkernel::upstream

// Lets the system keep connections back until their first bytes are there (TCP_DEFER_ACCEPT), while
// very many come: then one wake-up a connection, its registration and an empty read are saved, a
// fifth of what a short one costs.
//
// Otherwise never: whoever connects and says nothing is seen a second later by it. Of one listening
// socket; one thread.

#pragma once

#include <cstdint>

#include "kernel/net/timer.hpp"

namespace pkernel::runtime {

class deferred_accept {
public:
    // So many in so short a time, 1,000 a second, turn it on...
    static constexpr std::uint32_t burst = 64;
    static constexpr net::nanoseconds burst_time = std::chrono::milliseconds(64);
    // ...and fewer than so many in a whole second off.
    static constexpr std::uint32_t quiet = 250;
    static constexpr net::nanoseconds quiet_time = std::chrono::seconds(1);
    // The system gives up what it keeps back within this after it was turned off: it asks such a
    // client again after a second (RFC 6298 2.1), and takes the answer for a connection.
    static constexpr net::nanoseconds release_time = std::chrono::milliseconds(1200);

    explicit deferred_accept(int fd) noexcept : fd_(fd) {}

    // One was accepted. True: it is on from now; look() after each `quiet_time` then.
    bool accepted(net::instant now) noexcept;
    void look() noexcept;
    bool on() const noexcept { return on_; }
    // For good. Connections may be kept back until `release_time` from now.
    void end() noexcept;

private:
    void set(bool on) noexcept;

    const int fd_;
    bool on_ = false;
    bool ended_ = false;
    std::uint32_t count_ = 0;  // Since `from_`; while on, since the last look.
    net::instant from_{};
};

}  // namespace pkernel::runtime

// What an engine is told while it runs, and what it tells.

#pragma once

#include <bit>
#include <cstdint>
#include <optional>

namespace pkernel::runtime {

enum class control_event {
    stop,         // Return 0 at once.
    drain,        // Accept what waits, stop listening, finish what is in flight, return 0.
    reopen_logs,  // SIGUSR1.
    reload        // SIGHUP.
};

// Those that were heard of and not taken yet. What is told while the same still waits is one with
// it; of several the first in the order above goes first: whoever ends does not reload before.
class waiting_events {
public:
    void note(control_event e) noexcept { bits_ |= bit(e); }
    std::optional<control_event> take() noexcept {
        if (bits_ == 0) return std::nullopt;
        const auto first = static_cast<control_event>(std::countr_zero(bits_));
        bits_ = first == control_event::stop ? 0 : bits_ & ~bit(first);
        return first;
    }

private:
    static std::uint32_t bit(control_event e) noexcept {
        return std::uint32_t{1} << static_cast<unsigned>(e);
    }
    std::uint32_t bits_ = 0;
};

// [control]
class control_source {
public:
    virtual ~control_source() = default;

    // Readable when take() may have something. Level-triggered; lives as long as this.
    virtual int fd() const noexcept = 0;
    // The next event, or nothing. To be called until it has nothing: when `fd` was readable, and
    // once after each listener_source::listen, which may have met events on its way.
    virtual std::optional<control_event> take() = 0;

    // The engine serves. Until then its exit code ends the master; from then on it is restarted.
    virtual void ready(unsigned workers) = 0;
};

}  // namespace pkernel::runtime

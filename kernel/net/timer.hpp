// Timers in a hierarchical wheel: arming, moving and cancelling cost a few stores, however many
// there are.
//
// A timer fires at or after its deadline, within about a millisecond while the loop is not busy.
// One thread only.

#pragma once

#include <chrono>
#include <cstdint>

#include "kernel/base/list.hpp"

namespace pkernel::net {

using nanoseconds = std::chrono::nanoseconds;
// Monotonic time since an arbitrary start, as the loop caches it.
using instant = nanoseconds;

class timer_wheel;

// Embed it; it cancels itself when destroyed. `fire` is called with `owner` on the loop's thread
// and may re-arm or destroy the timer.
class timer : public base::list_hook<timer_wheel> {
public:
    using callback = void (*)(void* owner);

    timer(callback fire, void* owner) noexcept : fire_(fire), owner_(owner) {}
    ~timer() { cancel(); }

    // Arms or moves. Moving to a later deadline (the usual case: once a request) is one store.
    void arm(timer_wheel& wheel, instant deadline) noexcept;
    void cancel() noexcept;
    bool armed() const noexcept { return wheel_ != nullptr; }

private:
    friend class timer_wheel;
    callback fire_;
    void* owner_;
    timer_wheel* wheel_ = nullptr;
    instant deadline_{};  // On the wheel's clock.
    std::uint64_t slot_tick_ =
        0;  // When the slot it stands in is looked at; never after its deadline.
    std::uint16_t slot_ = 0;
};

class timer_wheel {
public:
    explicit timer_wheel(instant now) noexcept : tick_(ticks_of(now)) {}

    // Fires all that is due at `now`.
    void advance(instant now);

    // That much of the time counts for no deadline: all that is armed is due that much later.
    void hold(nanoseconds gap) noexcept { held_ += gap; }

    // How long until advance has something to do; negative: nothing is armed.
    nanoseconds until_next(instant now) const noexcept;

    std::size_t size() const noexcept { return size_; }

private:
    friend class timer;
    static constexpr int levels = 4;
    static constexpr int bits = 6;
    static constexpr std::uint64_t slots = 1u << bits;
    static constexpr int tick_shift = 20;  // 1.05 ms
    static std::uint64_t ticks_of(instant t) noexcept {
        return static_cast<std::uint64_t>(t.count()) >> tick_shift;
    }
    static std::uint64_t ticks_up(instant t) noexcept {
        return (static_cast<std::uint64_t>(t.count()) + (1u << tick_shift) - 1) >> tick_shift;
    }
    void insert(timer& t) noexcept;
    void remove(timer& t) noexcept;
    void empty_slot(int level, std::uint64_t index);

    std::uint64_t tick_;  // The last one handled.
    nanoseconds held_{};  // What its clock is behind the loop's.
    std::size_t size_ = 0;
    std::uint64_t occupied_[levels] = {};
    base::list<timer, timer_wheel> slot_[levels][slots];
};

}  // namespace pkernel::net

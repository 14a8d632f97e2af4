// Tells who is running: the number of the instance that a thread is inside, in memory that the
// master shares, so that a crash can be blamed by name.

#pragma once

#include <cstdint>

namespace pkernel::plugin {

// Of one thread, on a cache line of its own. 0: no instance is running.
struct alignas(64) marker_slot {
    std::uint32_t running = 0;
};

// Stands around a call into an instance. Plain stores: the callee is opaque to the compiler, so the
// number is in memory when it runs. Calls nest: an inner instance's ends with the outer's number.
class call_marker {
public:
    call_marker(marker_slot& slot, std::uint32_t number) noexcept
        : slot_(slot), before_(slot.running) {
        slot.running = number;
    }
    ~call_marker() { slot_.running = before_; }
    call_marker(const call_marker&) = delete;
    call_marker& operator=(const call_marker&) = delete;

private:
    marker_slot& slot_;
    const std::uint32_t before_;
};

}  // namespace pkernel::plugin

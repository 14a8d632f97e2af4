// Time. Never read another clock: tests turn this one by hand.

#pragma once

#include <pkernel/abi/clock.h>
#include <pkernel/host.hpp>

#include <chrono>

namespace pk {

class clock {
public:
    explicit clock(const host& h) : raw_(h.raw()), table_(&h.required<pk_clock>(PK_CLOCK_ID)) {}

    // [any] Monotonic; from an unnamed zero.
    std::chrono::nanoseconds now() const noexcept { return nanoseconds(table_->now(raw_)); }
    // [any] Since 1970, UTC.
    std::chrono::nanoseconds unix_time() const noexcept {
        return nanoseconds(table_->unix_ns(raw_));
    }

private:
    static std::chrono::nanoseconds nanoseconds(std::uint64_t n) noexcept {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(n));
    }

    const pk_host* raw_;
    const pk_clock* table_;
};

}  // namespace pk

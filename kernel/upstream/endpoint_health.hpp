// Whether an endpoint is up: what the health sources of its upstream say, combined.
//
// Shared by all workers. Reading and trials are atomics; a lock is held only while a source
// publishes, which is when a state changes.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "kernel/config/model.hpp"
#include "pkernel/abi/health.h"

namespace pkernel::upstream {

class endpoint_health {
public:
    using nanoseconds = std::chrono::nanoseconds;

    static constexpr std::uint32_t sources_max = config::health_sources_max;
    static constexpr std::size_t reason_bytes_max = 160;
    static constexpr nanoseconds trial_gap = std::chrono::seconds(1);
    static constexpr nanoseconds early_gap = std::chrono::milliseconds(500);

    using counter = std::atomic<std::uint32_t>;

    // While it is down it counts in `out`, if that is not null.
    explicit endpoint_health(std::shared_ptr<counter> out = nullptr) : out_(std::move(out)) {}
    ~endpoint_health() {
        if (out_ && down()) out_->fetch_sub(1, std::memory_order_relaxed);
    }
    endpoint_health(const endpoint_health&) = delete;
    endpoint_health& operator=(const endpoint_health&) = delete;

    // [any] Some source says down.
    bool down() const noexcept { return down_.load(std::memory_order_relaxed); }

    // [any] Whether a request may see whether it is back: its time is over, or (early) that does
    // not matter as no other one is up. At most one in the gap.
    bool trial_due(nanoseconds now, bool early) const noexcept;
    // True: the caller is the one that does.
    bool begin_trial(nanoseconds now, bool early) noexcept;

    // [any] What `source` says from now on. True: the endpoint went up or down by it.
    bool publish(std::uint32_t source, const pk_health_state& state, nanoseconds now);
    // [any] What the sources say: "down: 3 failures in a row"; one that has said nothing is silent.
    std::string said(std::uint32_t source) const;

    std::uint64_t* words(std::uint32_t source) noexcept { return words_[source]; }

private:
    struct report {
        std::uint32_t state = PK_HEALTH_UNKNOWN;
        nanoseconds due{0};
        std::string reason;
    };

    const std::shared_ptr<counter> out_;
    std::atomic<bool> down_{false};
    std::atomic<std::int64_t> due_{INT64_MAX};  // When the last of the times is over.
    std::atomic<std::int64_t> tried_{0};        // When the last trial began.
    std::uint64_t words_[sources_max][4] = {};
    mutable std::mutex lock_;
    report reports_[sources_max];
};

}  // namespace pkernel::upstream

#include "kernel/upstream/endpoint_health.hpp"

#include <algorithm>

namespace pkernel::upstream {

bool endpoint_health::trial_due(nanoseconds now, bool early) const noexcept {
    const auto due = due_.load(std::memory_order_relaxed);
    const auto since = now.count() - tried_.load(std::memory_order_relaxed);
    if (due == INT64_MAX) return false;
    if (now.count() >= due) return since >= trial_gap.count();
    return early && since >= early_gap.count();
}

bool endpoint_health::begin_trial(nanoseconds now, bool early) noexcept {
    auto last = tried_.load(std::memory_order_relaxed);
    return trial_due(now, early) &&
           tried_.compare_exchange_strong(last, now.count(), std::memory_order_relaxed);
}

bool endpoint_health::publish(std::uint32_t source, const pk_health_state& state, nanoseconds now) {
    const std::lock_guard hold(lock_);
    report& r = reports_[source];
    r.state = state.state;
    constexpr std::uint64_t longest = 366ull * 86'400 * 1'000'000'000;
    r.due = state.for_ns == 0
                ? nanoseconds::max()
                : now + nanoseconds(static_cast<std::int64_t>(std::min(state.for_ns, longest)));
    r.reason.assign(state.reason.data, std::min<std::size_t>(state.reason.size, reason_bytes_max));
    bool any = false;
    nanoseconds due{0};
    for (const report& each : reports_) {
        if (each.state != PK_HEALTH_DOWN) continue;
        any = true;
        due = std::max(due, each.due);
    }
    // What was sent last counts as a trial that failed.
    if (state.state == PK_HEALTH_DOWN) tried_.store(now.count(), std::memory_order_relaxed);
    due_.store(any ? due.count() : INT64_MAX, std::memory_order_relaxed);
    if (down_.exchange(any, std::memory_order_relaxed) == any) return false;
    if (out_) out_->fetch_add(any ? 1 : -1, std::memory_order_relaxed);
    return true;
}

std::string endpoint_health::said(std::uint32_t source) const {
    static constexpr const char* words[] = {"unknown", "up", "down"};
    const std::lock_guard hold(lock_);
    const report& r = reports_[source];
    const char* word = words[r.state <= PK_HEALTH_DOWN ? r.state : 0];
    return r.reason.empty() ? word : word + (": " + r.reason);
}

}  // namespace pkernel::upstream

// How much memory the process may use, how much it does, and how bad that is.
//
// Two figures make up what is used: the blocks of all workers, which their pools report as they
// grow, and the rest (connections, plugins, the program), which the control thread measures now and
// then. Nothing of a request's path writes here.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace pkernel::base {

enum class memory_level : std::uint8_t {
    normal,
    high,    // 80 %: idle connections are closed, answers end their connection.
    severe,  // 90 %: those that hold most are ended, too.
    full     // 95 %: new requests get 503, and no connection is accepted.
};

class memory_budget {
public:
    explicit memory_budget(std::uint64_t limit_bytes) noexcept : limit_(limit_bytes) {}
    memory_budget(const memory_budget&) = delete;
    memory_budget& operator=(const memory_budget&) = delete;

    std::uint64_t limit() const noexcept { return limit_; }

    // [any] By pools.
    void change_blocks(std::int64_t by) noexcept {
        blocks_.fetch_add(by, std::memory_order_relaxed);
    }
    // [control] What the system says that the process holds. The part that is no block is kept;
    // `blocks_before` are those of a moment before: what was freed meanwhile is not taken for it.
    void measured(std::uint64_t resident, std::uint64_t blocks_before) noexcept {
        const auto of_blocks = std::max(blocks_before, blocks());
        rest_.store(resident - std::min(resident, of_blocks), std::memory_order_relaxed);
    }

    // [any]
    std::uint64_t blocks() const noexcept {
        return static_cast<std::uint64_t>(
            std::max<std::int64_t>(blocks_.load(std::memory_order_relaxed), 0));
    }
    std::uint64_t used() const noexcept { return blocks() + rest_.load(std::memory_order_relaxed); }
    memory_level level() const noexcept { return level_.load(std::memory_order_relaxed); }

    // [any] Looks again. A level is left 5 % below where it was entered, so that it does not
    // flicker. `changed`: by this call, which is the one to tell of it.
    struct reading {
        memory_level level;
        bool changed;
    };
    reading look() noexcept {
        memory_level before = level();
        const memory_level now = next(before, used());
        if (now == before) return {now, false};
        return {now, level_.compare_exchange_strong(before, now, std::memory_order_relaxed)};
    }

    // Above what those that hold most are ended: where `severe` is left.
    std::uint64_t relief_mark() const noexcept { return percent(severe_at - hysteresis); }

private:
    static constexpr unsigned high_at = 80, severe_at = 90, full_at = 95, hysteresis = 5;

    std::uint64_t percent(unsigned of) const noexcept { return limit_ / 100 * of; }
    memory_level next(memory_level before, std::uint64_t used) const noexcept {
        const auto stands = [&](memory_level l, unsigned at) {
            return used >= percent(before >= l ? at - hysteresis : at);
        };
        if (stands(memory_level::full, full_at)) return memory_level::full;
        if (stands(memory_level::severe, severe_at)) return memory_level::severe;
        return stands(memory_level::high, high_at) ? memory_level::high : memory_level::normal;
    }

    const std::uint64_t limit_;
    std::atomic<std::int64_t> blocks_{0};
    std::atomic<std::uint64_t> rest_{0};
    std::atomic<memory_level> level_{memory_level::normal};
};

}  // namespace pkernel::base

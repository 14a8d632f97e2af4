#include "kernel/net/timer.hpp"

#include <algorithm>
#include <bit>

namespace pkernel::net {

void timer::arm(timer_wheel& wheel, instant deadline) noexcept {
    deadline_ = deadline - wheel.held_;
    if (wheel_ && timer_wheel::ticks_up(deadline_) >= slot_tick_) return;
    cancel();
    wheel_ = &wheel;
    wheel.insert(*this);
    ++wheel.size_;
}

void timer::cancel() noexcept {
    if (!wheel_) return;
    wheel_->remove(*this);
    --wheel_->size_;
    wheel_ = nullptr;
}

// Puts a timer in the slot of the coarsest level whose span its distance reaches; a deadline past
// the whole wheel waits in the last slot and is put in again from there.
void timer_wheel::insert(timer& t) noexcept {
    std::uint64_t due = ticks_up(t.deadline_);
    if (due <= tick_) due = tick_ + 1;
    std::uint64_t distance = due - tick_;
    const std::uint64_t span = std::uint64_t{1} << (bits * levels);
    if (distance >= span) {
        due = tick_ + span - 1;
        distance = span - 1;
    }
    int level = 0;
    while (distance >= (slots << (bits * level))) ++level;
    const std::uint64_t index = (due >> (bits * level)) & (slots - 1);
    t.slot_tick_ = (due >> (bits * level)) << (bits * level);
    t.slot_ = static_cast<std::uint16_t>(level * static_cast<int>(slots) + static_cast<int>(index));
    slot_[level][index].push_back(t);
    occupied_[level] |= std::uint64_t{1} << index;
}

void timer_wheel::remove(timer& t) noexcept {
    t.unlink();
    const int level = t.slot_ / static_cast<int>(slots);
    const std::uint64_t index = t.slot_ % slots;
    if (slot_[level][index].empty()) occupied_[level] &= ~(std::uint64_t{1} << index);
}

// Fires or re-inserts what stands in a slot whose time has come. What fires may arm others, but
// never into this slot at this tick: insert puts everything at least one tick ahead.
void timer_wheel::empty_slot(int level, std::uint64_t index) {
    auto& all = slot_[level][index];
    base::list<timer, timer_wheel> due;
    while (!all.empty()) due.push_back(all.front());
    occupied_[level] &= ~(std::uint64_t{1} << index);
    while (!due.empty()) {
        timer& t = due.front();
        t.unlink();
        if (ticks_up(t.deadline_) > tick_) {
            insert(t);
            continue;
        }
        --size_;
        t.wheel_ = nullptr;
        t.fire_(t.owner_);
    }
}

void timer_wheel::advance(instant now) {
    const std::uint64_t target = ticks_of(now - held_);
    while (tick_ < target) {
        const nanoseconds gap = until_next(instant(tick_ << tick_shift) + held_);
        if (gap.count() < 0) {
            tick_ = target;
            return;
        }
        const std::uint64_t next = tick_ + (static_cast<std::uint64_t>(gap.count()) >> tick_shift);
        if (next > target) {
            tick_ = target;
            return;
        }
        tick_ = next;
        for (int level = levels - 1; level >= 0; --level) {
            const int shift = bits * level;
            if (tick_ & ((std::uint64_t{1} << shift) - 1)) continue;
            const std::uint64_t index = (tick_ >> shift) & (slots - 1);
            if (occupied_[level] >> index & 1) empty_slot(level, index);
        }
    }
}

nanoseconds timer_wheel::until_next(instant now) const noexcept {
    std::uint64_t best = UINT64_MAX;
    for (int level = 0; level < levels; ++level) {
        if (!occupied_[level]) continue;
        const int shift = bits * level;
        const std::uint64_t here = tick_ >> shift;
        // Slots ahead of the present one, the nearest in bit 0; the present one comes round last.
        const std::uint64_t ahead =
            std::rotr(occupied_[level], static_cast<int>((here + 1) & (slots - 1)));
        const std::uint64_t at = (here + 1 + static_cast<std::uint64_t>(std::countr_zero(ahead)))
                                 << shift;
        if (at < best) best = at;
    }
    if (best == UINT64_MAX) return nanoseconds(-1);
    const instant due = instant(best << tick_shift) + held_;
    return std::max(due - now, nanoseconds(0));
}

}  // namespace pkernel::net

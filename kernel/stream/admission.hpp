// Whether a worker that is behind takes one more request, or refuses it at once (503, `overload`).
//
// Measured is the loop's lag: how long what is served now may have waited to be served. An origin
// that takes long does not move it; only this worker's own processor does. A worker is overloaded
// when for `interval` it has hardly slept, its lag has been over the limit, and its requests have
// cost it far more than refusals would: else refusing would spend the time that serving needs, and
// waiting in the sockets is the better answer. Once it refuses, it takes what comes within `budget`
// of their being ready, so that those are answered soon and the others are told no soon; and it
// stops when it would have had time for those, too. (docs/decisions/0018-overload.md)
//
// One a worker, on its thread. Time is an argument.

#pragma once

#include <algorithm>
#include <cstdint>

#include "kernel/net/loop.hpp"

namespace pkernel::stream {

class admission {
public:
    using nanoseconds = net::nanoseconds;
    static constexpr nanoseconds interval = std::chrono::milliseconds(200);
    static constexpr nanoseconds budget = std::chrono::milliseconds(4);
    // A refusal takes about 15 us: one that saves less than ten of them is not worth it.
    static constexpr nanoseconds cost_least = std::chrono::microseconds(150);
    // How long this thread has waited, ever, for a processor that others had: that says nothing of
    // what requests cost. Asked once an interval.
    using processor_wait = nanoseconds (*)() noexcept;

    explicit admission(processor_wait waited = nullptr) noexcept : waited_(waited) {}

    static constexpr int spare_percent = 5;        // Of an interval asleep: it keeps up.
    static constexpr std::uint32_t look_each = 8;  // Requests, while none is refused.

    // What the loop says of a turn.
    struct load {
        net::instant turn_began;
        net::instant ready_since;  // What is served now became ready then, at the earliest.
        nanoseconds idle;          // Asleep, ever.
    };

    // A request's head is there: may it begin? `limit`: of the lag; 0: always. `now` is asked for
    // the time only now and then.
    template <class Clock>
    bool admit(const load& l, nanoseconds limit, Clock&& now) {
        ++taken_;
        if (limit.count() == 0 || (!refusing_ && taken_ % look_each != 0)) return true;
        return look(l, limit, now());
    }

    bool refusing() const noexcept { return refusing_; }

private:
    bool look(const load& l, nanoseconds limit, net::instant now);
    bool keeps_up(nanoseconds passed, nanoseconds busy) const noexcept;
    void end_window(const load& l, nanoseconds limit, net::instant now);

    const processor_wait waited_;
    bool refusing_ = false;
    std::uint32_t taken_ = 0, refused_ = 0;  // In this window.
    net::instant window_began_{};
    nanoseconds idle_before_{}, waited_before_{};
    nanoseconds lag_{};  // The longest of this window.
};

}  // namespace pkernel::stream

#include "kernel/stream/admission.hpp"

#include "kernel/base/log.hpp"

namespace pkernel::stream {

namespace {

base::repeat_limit overload_line, relief_line;
// A window that is longer says little: the process was stopped, or hardly anything was asked.
constexpr net::nanoseconds window_max = admission::interval * 4;

}  // namespace

// Whether the time would have been enough for all, those that were refused included.
bool admission::keeps_up(nanoseconds passed, nanoseconds busy) const noexcept {
    if (passed > window_max) return true;
    if (refused_ > 0 && taken_ == 0) return false;
    const double all = refused_ > 0 ? 1.0 + static_cast<double>(refused_) / taken_ : 1.0;
    return static_cast<double>(busy.count()) * all * 100 <=
           static_cast<double>(passed.count()) * (100 - spare_percent);
}

void admission::end_window(const load& l, nanoseconds limit, net::instant now) {
    const nanoseconds passed = now - window_began_;
    const bool enough = keeps_up(passed, passed - (l.idle - idle_before_));
    const nanoseconds waited = waited_ ? waited_() : nanoseconds(0);
    const bool worth_it = passed - (waited - waited_before_) >= cost_least * taken_;
    if (refusing_ && enough) {
        refusing_ = false;
        base::log(base::log_level::info, "a worker keeps up again", relief_line);
    } else if (!refusing_ && !enough && lag_ >= limit && worth_it) {
        refusing_ = true;
        base::log(base::log_level::warning,
                  "a worker is overloaded: what it cannot serve soon gets 503", overload_line);
    }
    window_began_ = now;
    idle_before_ = l.idle;
    waited_before_ = waited;
    lag_ = {};
    taken_ = refused_ = 0;
}

bool admission::look(const load& l, nanoseconds limit, net::instant now) {
    lag_ = std::max(lag_, now - l.ready_since);
    if (now - window_began_ >= interval) end_window(l, limit, now);
    if (!refusing_) return true;
    // What became ready while the last turn lasted has waited for half of it, as a rule.
    const nanoseconds waited = (now - l.turn_began) + (l.turn_began - l.ready_since) / 2;
    if (waited < budget) return true;
    --taken_;
    ++refused_;
    return false;
}

}  // namespace pkernel::stream

// When an engine that died is started again. Pure.

#pragma once

#include <algorithm>
#include <chrono>

namespace pkernel::runtime {

// The first deaths are answered at once; an engine that keeps dying young is given longer and
// longer pauses, since each start costs the machine and serves nobody.
class restart_policy {
public:
    using duration = std::chrono::milliseconds;

    static constexpr duration good_life{1000};  // Served so long: what was before is forgotten.
    static constexpr unsigned at_once_max = 3;
    static constexpr duration pause_least{100};
    static constexpr duration pause_max{10'000};

    // The pause after a death. `served` is the time since the engine was ready; zero if it never
    // was.
    duration after_death(duration served) noexcept {
        if (served >= good_life) young_deaths_ = 0;
        young_deaths_ = std::min(young_deaths_ + 1, 64u);
        if (young_deaths_ <= at_once_max) return duration::zero();
        const unsigned doublings = std::min(young_deaths_ - at_once_max - 1, 10u);
        return std::min(pause_least * (1 << doublings), pause_max);
    }

private:
    unsigned young_deaths_ = 0;
};

}  // namespace pkernel::runtime

// Is it worth trying? A guess from how the last attempts went: after one that was in vain the next
// few are not made, twice as many each time, up to `pause_max`.

#pragma once

#include <algorithm>
#include <cstdint>

namespace pkernel::base {

class guess {
public:
    static constexpr std::uint16_t pause_max = 256;

    bool likely() noexcept {
        if (left_ == 0) return true;
        --left_;
        return false;
    }
    // Of an attempt that `likely` recommended.
    void was(bool right) noexcept {
        pause_ = right ? std::uint16_t{0}
                       : static_cast<std::uint16_t>(std::clamp(pause_ * 2, 1, int{pause_max}));
        left_ = pause_;
    }

private:
    std::uint16_t pause_ = 0;
    std::uint16_t left_ = 0;
};

}  // namespace pkernel::base

// How many requests may be sent to an upstream once more, as a share of those that come: when all
// of it fails, trying again must not multiply its load (behaviour F44).
//
// Counts the last `seconds` of one worker; the shares of workers make the share of all. Pure: time
// is an argument.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace pkernel::upstream {

class retry_budget {
public:
    static constexpr std::uint32_t seconds = 10;

    // At most `percent` of the requests, but `least` a second always.
    retry_budget(std::uint32_t percent, std::uint32_t least) noexcept
        : percent_(percent), least_(std::uint64_t{least} * seconds) {}

    // With what the other has counted: a reload is no reason to try more.
    void go_on_from(const retry_budget& other) noexcept {
        ring_ = other.ring_;
        sum_ = other.sum_;
        second_ = other.second_;
    }

    // `now` never goes back.
    void request(std::chrono::nanoseconds now) noexcept {
        roll(now);
        ++of(second_).requests;
        ++sum_.requests;
    }
    // True: one more may be sent, and is counted.
    bool take(std::chrono::nanoseconds now) noexcept {
        roll(now);
        const auto most = std::max(sum_.requests * percent_ / 100, least_);
        if (sum_.retries >= most) return false;
        ++of(second_).retries;
        ++sum_.retries;
        return true;
    }

private:
    struct counts {
        std::uint64_t requests = 0, retries = 0;
    };

    counts& of(std::int64_t second) noexcept {
        return ring_[static_cast<std::uint64_t>(second) % seconds];
    }
    void roll(std::chrono::nanoseconds now) noexcept {
        const auto second = std::chrono::duration_cast<std::chrono::seconds>(now).count();
        if (second - second_ >= std::int64_t{seconds}) {
            ring_.fill({});
            sum_ = {};
            second_ = second;
        }
        while (second_ < second) {
            counts& oldest = of(++second_);
            sum_.requests -= oldest.requests;
            sum_.retries -= oldest.retries;
            oldest = {};
        }
    }

    const std::uint64_t percent_, least_;
    std::array<counts, seconds> ring_{};
    counts sum_;
    std::int64_t second_ = 0;
};

}  // namespace pkernel::upstream

// How often a peer may do something, counted in windows that follow one another: over two of them
// it can get away with at most twice as much.

#pragma once

#include <pkernel/values.hpp>

namespace http2 {

class allowance {
public:
    // False: once too often. `now` is the worker's clock.
    bool take(const pk::rate_value& limit, std::chrono::nanoseconds now) noexcept {
        if (used_ == 0 || now - since_ >= limit.period) {
            since_ = now;
            used_ = 0;
        }
        return ++used_ <= limit.count;
    }

private:
    std::chrono::nanoseconds since_{};
    std::int64_t used_ = 0;
};

// Of one connection; what each counts is said in settings.hpp.
struct allowances {
    allowance client_resets, server_resets, settings_frames, pings, empty_frames, priority_frames,
        unknown_frames;
};

}  // namespace http2

// A thread of a plugin's own that wakes streams later: what a store's or a resolver's thread would
// do.

#pragma once

#include <pkernel/services/waker.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace probe {

class alarm {
public:
    using clock = std::chrono::steady_clock;

    // [any] Between start and stop.
    void at(std::chrono::milliseconds in, pk::waker who) {
        {
            const std::lock_guard hold(mutex_);
            due_.push_back({clock::now() + in, who});
        }
        changed_.notify_one();
    }

    void start() {
        thread_ = std::thread([this] { run(); });
    }

    // What is due later is woken now: its stream has gone, or it may as well go on.
    void stop() {
        {
            const std::lock_guard hold(mutex_);
            ending_ = true;
        }
        changed_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

private:
    struct entry {
        clock::time_point when;
        pk::waker who;
    };

    void run() {
        std::unique_lock hold(mutex_);
        for (;;) {
            auto next = clock::now() + std::chrono::hours(1);
            for (std::size_t i = 0; i < due_.size();) {
                if (ending_ || due_[i].when <= clock::now()) {
                    due_[i].who.wake();
                    due_.erase(due_.begin() + static_cast<std::ptrdiff_t>(i));
                } else {
                    next = std::min(next, due_[i++].when);
                }
            }
            if (ending_) return;
            changed_.wait_until(hold, next);
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<entry> due_;
    std::thread thread_;
    bool ending_ = false;
};

}  // namespace probe

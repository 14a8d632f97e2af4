// The master's child that opens files for the engine (privileged_files.hpp): one at a time, for a
// bounded time.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>

#include "kernel/runtime/channel.hpp"

namespace pkernel::runtime {

class file_opener {
public:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds time_max{6000};
    // Runs in the child, which ends when it returns. `to` is the master's end of the channel.
    using entry = std::function<void(pid_t engine, channel& to)>;

    explicit file_opener(entry run) : run_(std::move(run)) {}
    ~file_opener() { stop(); }
    file_opener(const file_opener&) = delete;
    file_opener& operator=(const file_opener&) = delete;

    bool running() const noexcept { return child_.has_value(); }
    // When on_time() wants to be called.
    std::optional<clock::time_point> deadline() const;
    void on_time(clock::time_point now) noexcept;

    // `before` runs in the child first, to let go of what is not its. 0, or errno of fork.
    int start(pid_t engine, channel& to, const std::function<void()>& before);

    // Whether it was this child that ended; then it is none of ours any more, and `*error` is for
    // files_end.
    bool reaped(pid_t pid, int wait_status, int* error) noexcept;
    // Kills it, if there is one, and waits for its end.
    void stop() noexcept;

private:
    struct child {
        pid_t pid;
        clock::time_point until;
        bool late = false;
    };
    const entry run_;
    std::optional<child> child_;
};

}  // namespace pkernel::runtime

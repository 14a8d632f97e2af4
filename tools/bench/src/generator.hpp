// The load itself: a closed loop (each connection asks again as soon as it is answered) or an open
// one (requests are due at fixed times, and latency counts from then, whoever was late: no
// coordinated omission). The window starts after the warm-up; what is in flight at its end is
// awaited, so that a request that never ends is an error too.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "connection.hpp"

namespace bench {

struct result {
    std::uint64_t requests = 0;  // Completed within the window; so are the bytes.
    std::uint64_t bytes = 0;
    double seconds = 0;
    std::uint64_t cpu_ns = 0;             // Of the processes accounted, within the window.
    std::uint64_t errors = 0, wrong = 0;  // Of the whole run.
    std::string first_failure;
    std::vector<std::uint64_t> latency_ns;  // Open loop only.
};

class generator {
public:
    explicit generator(const options& opts);
    ~generator();
    generator(const generator&) = delete;
    generator& operator=(const generator&) = delete;

    result run();

private:
    struct snapshot {
        std::uint64_t time = 0, requests = 0, bytes = 0, cpu = 0;
    };

    void start_all();
    void start_due(std::uint64_t now);
    void start(std::uint32_t index);
    void wait_for_events();
    void completed(std::uint32_t index);
    void failed(const connection& conn);
    void fail_stuck();
    bool window_over();
    snapshot look() const;
    bool open_loop() const { return opts_.rate > 0; }

    const options& opts_;
    shared_state shared_;
    std::vector<std::unique_ptr<connection>> connections_;
    std::deque<std::uint32_t> free_;     // Open loop: connections with nothing to do.
    std::deque<std::uint64_t> waiting_;  // Open loop: due, but no connection was free.
    std::uint64_t now_ = 0, due_ = 0, window_start_ = 0, window_end_ = 0;
    std::uint64_t completed_ = 0, last_check_ = 0;
    bool stopping_ = false;
    result result_;
};

}  // namespace bench

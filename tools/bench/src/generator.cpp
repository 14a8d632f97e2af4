#include "generator.hpp"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace bench {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t stuck_after = 10 * second;
constexpr std::uint64_t failures_max = 100;

std::uint64_t read_clock(clockid_t clock) {
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) {
        std::fputs("bench_load: a process that is accounted has gone\n", stderr);
        std::exit(1);
    }
    return static_cast<std::uint64_t>(time.tv_sec) * second + time.tv_nsec;
}

// The CPU clock of a whole process, its ended threads included, to the nanosecond: the kernel's
// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), which clock_getcpuclockid() gives as well.
std::uint64_t cpu_time(pid_t pid) {
    clockid_t clock{};
    if (::clock_getcpuclockid(pid, &clock) != 0) clock = -1;
    return read_clock(clock);
}

}  // namespace

generator::generator(const options& opts)
    : opts_(opts),
      shared_{opts, pattern(std::max(opts.size, opts.post)), ::epoll_create1(EPOLL_CLOEXEC),
              std::vector<char>(256 * 1024)} {
    for (std::uint32_t i = 0; i < opts.connections; ++i)
        connections_.push_back(std::make_unique<connection>(shared_, i));
}

generator::~generator() {
    ::close(shared_.epoll);
}

result generator::run() {
    now_ = read_clock(CLOCK_MONOTONIC);
    const bool counted = opts_.requests > 0;
    window_start_ = now_ + (counted ? 0 : static_cast<std::uint64_t>(opts_.warmup_s * second));
    window_end_ = window_start_ + static_cast<std::uint64_t>(opts_.seconds * second);
    due_ = last_check_ = now_;
    snapshot first, last;
    if (counted) first = look();
    start_all();
    while (!window_over()) {
        wait_for_events();
        if (first.time == 0 && now_ >= window_start_) first = look();
        if (open_loop()) start_due(now_);
    }
    last = look();
    stopping_ = true;
    const auto busy = [](const auto& conn) { return conn->busy(); };
    while (std::any_of(connections_.begin(), connections_.end(), busy)) wait_for_events();

    result_.requests = last.requests - first.requests;
    result_.bytes = last.bytes - first.bytes;
    result_.cpu_ns = last.cpu - first.cpu;
    result_.seconds = static_cast<double>(last.time - first.time) / second;
    std::sort(result_.latency_ns.begin(), result_.latency_ns.end());
    return std::move(result_);
}

bool generator::window_over() {
    if (result_.errors + result_.wrong >= failures_max) return true;
    return opts_.requests > 0 ? completed_ >= opts_.requests : now_ >= window_end_;
}

generator::snapshot generator::look() const {
    snapshot seen{read_clock(CLOCK_MONOTONIC), completed_, shared_.bytes_received, 0};
    for (const pid_t pid : opts_.account) seen.cpu += cpu_time(pid);
    return seen;
}

void generator::start_all() {
    for (std::uint32_t i = 0; i < connections_.size(); ++i) {
        if (open_loop())
            free_.push_back(i);
        else
            start(i);
    }
}

void generator::start(std::uint32_t index) {
    connection& conn = *connections_[index];
    if (conn.begin(now_) == progress::failed) failed(conn);
}

void generator::start_due(std::uint64_t now) {
    const auto step = static_cast<std::uint64_t>(second / opts_.rate);
    for (; due_ <= now; due_ += step) waiting_.push_back(due_);
    while (!waiting_.empty() && !free_.empty()) {
        const std::uint32_t index = free_.front();
        free_.pop_front();
        connections_[index]->scheduled = waiting_.front();
        waiting_.pop_front();
        start(index);
        if (!connections_[index]->busy()) free_.push_back(index);
    }
}

void generator::wait_for_events() {
    std::uint64_t wait = second / 10;
    if (open_loop() && !stopping_) wait = due_ > now_ ? std::min(wait, due_ - now_) : 0;
    const timespec timeout{0, static_cast<long>(wait)};
    epoll_event events[256];
    const int count = ::epoll_pwait2(shared_.epoll, events, 256, &timeout, nullptr);
    now_ = read_clock(CLOCK_MONOTONIC);
    for (int i = 0; i < count; ++i) {
        const std::uint32_t index = events[i].data.u32;
        connection& conn = *connections_[index];
        const auto outcome = conn.advance(events[i].events);
        if (outcome == progress::complete) completed(index);
        if (outcome == progress::failed) {
            failed(conn);
            if (open_loop())
                free_.push_back(index);
            else if (!stopping_ && !window_over())
                start(index);
        }
    }
    if (now_ - last_check_ > second) fail_stuck();
}

void generator::completed(std::uint32_t index) {
    ++completed_;
    if (!open_loop()) {
        if (!stopping_) start(index);
        return;
    }
    free_.push_back(index);
    const std::uint64_t due = connections_[index]->scheduled;
    if (due >= window_start_ && due < window_end_)
        result_.latency_ns.push_back(read_clock(CLOCK_MONOTONIC) - due);
}

void generator::failed(const connection& conn) {
    ++(conn.wrong() ? result_.wrong : result_.errors);
    if (result_.first_failure.empty()) result_.first_failure = conn.failure();
}

void generator::fail_stuck() {
    last_check_ = now_;
    for (const auto& conn : connections_) {
        if (!conn->busy() || now_ - conn->begun() < stuck_after) continue;
        conn->abandon("no whole answer within 10 s");
        failed(*conn);
    }
}

}  // namespace bench

#include "kernel/net/loop.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

namespace pkernel::net {

namespace {

constexpr int events_per_turn_max = 256;
// A wait that took longer and found something may have been stopped between finding it and now.
constexpr nanoseconds sure_for = std::chrono::milliseconds(100);

// A turn that took longer was stopped in its middle (SIGSTOP, a machine that was paused), or held
// by a plugin: `now` was that old to all that it did last.
constexpr nanoseconds held_for = std::chrono::seconds(1);

// A wait that was shorter found something ready.
constexpr nanoseconds slept_least = std::chrono::microseconds(20);

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

instant monotonic_now() noexcept {
    timespec t;
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return std::chrono::seconds(t.tv_sec) + nanoseconds(t.tv_nsec);
}

nanoseconds processor_wait() noexcept {
    const int fd = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    char text[96];
    const ssize_t size = ::read(fd, text, sizeof text);
    ::close(fd);
    // Time that it ran, time that it waited, how often it ran.
    const std::string_view all(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    std::uint64_t waited = 0;
    if (const auto space = all.find(' '); space != all.npos)
        std::from_chars(all.data() + space + 1, all.data() + all.size(), waited);
    return nanoseconds(waited);
}

// Cannot fail: only a counter near 2^64 would make it block.
void loop::wake() noexcept {
    const std::uint64_t one = 1;
    while (::write(door_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
}

bell::bell(loop& l, handler answer, void* owner) : loop_(l), answer_(answer), owner_(owner) {
    next_ = l.bells_;
    l.bells_ = this;
}

bell::~bell() {
    bell** at = &loop_.bells_;
    while (*at != this) at = &(*at)->next_;
    *at = next_;
}

void bell::ring() noexcept {
    if (!rung_.exchange(true, std::memory_order_acq_rel)) loop_.wake();
}

void loop::answer_bells() {
    std::uint64_t count;
    while (::read(door_.get(), &count, sizeof count) < 0 && errno == EINTR) {
    }
    for (bell* b = bells_; b; b = b->next_)
        if (b->rung_.exchange(false, std::memory_order_acq_rel)) b->answer_(b->owner_);
}

loop::loop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      now_(monotonic_now()),
      timers_(now_),
      late_timer_([](void* self) { static_cast<loop*>(self)->add_late_ones(); }, this),
      door_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    if (!door_) fail("eventfd");
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = nullptr;  // The door.
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, door_.get(), &e) < 0) fail("epoll_ctl");
}

loop::~loop() {
    bury();
    ::close(epoll_);
}

bool loop::add(int fd, io_target& target) {
    return control(EPOLL_CTL_ADD, fd, target);
}

void loop::add_late(int fd, io_target& target, late_watch& watch) noexcept {
    watch.fd_ = fd;
    watch.target_ = &target;
    if (late_.empty()) late_timer_.arm(timers_, now_ + late_after);
    late_.push_back(watch);
}

bool loop::add_now(late_watch& watch) {
    watch.unlink();
    return add(watch.fd_, *watch.target_);
}

void loop::add_late_ones() {
    while (!late_.empty()) {
        late_watch& watch = late_.front();
        if (!add_now(watch)) watch.target_->on_io(io_broken);
    }
}

bool loop::retarget(int fd, io_target& target) {
    return control(EPOLL_CTL_MOD, fd, target);
}

bool loop::control(int operation, int fd, io_target& target) {
    epoll_event e{};
    e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    e.data.ptr = &target;
    return ::epoll_ctl(epoll_, operation, fd, &e) == 0;
}

bool loop::add_listener(int fd, io_target& target) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = &target;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) == 0;
}

void loop::remove(int fd) {
    epoll_event unused{};
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &unused);
}

void loop::run() {
    stopping_ = false;
    while (!stopping_) {
        const bool all_seen = wait_and_dispatch();
        crowded_turns_ = all_seen || crowded_turns_ >= crowded_turns_max ? 0 : crowded_turns_ + 1;
        if (crowded_turns_ == 0) timers_.advance(now_);
        run_deferred();
        bury();
    }
}

void loop::run_once() {
    run_deferred();
    bury();
}

// What a turn armed when it went on after a stop would be due at once: a stop's time counts for no
// deadline. Of turns that are all so long, one in two counts, so that every deadline comes.
void loop::forgive(nanoseconds turn) noexcept {
    forgave_ = turn >= held_for && !forgave_;
    if (forgave_) timers_.hold(turn);
}

// False when events may be waiting still: there were too many, a signal came first, or this process
// was stopped in between.
bool loop::wait_and_dispatch() {
    const instant waits_from = monotonic_now();
    forgive(waits_from - now_);
    int timeout_ms = -1;
    if (const nanoseconds gap = timers_.until_next(waits_from); gap.count() >= 0)
        timeout_ms = static_cast<int>((gap.count() + 999'999) / 1'000'000);
    if (!deferred_.empty()) timeout_ms = 0;
    epoll_event events[events_per_turn_max];
    const int n = ::epoll_wait(epoll_, events, events_per_turn_max, timeout_ms);
    const instant before = std::exchange(now_, monotonic_now());
    const nanoseconds waited = now_ - waits_from;
    ready_since_ = waited < slept_least ? before : now_;
    if (waited >= slept_least) idle_ += waited;
    bool rung = false;
    for (int i = 0; i < n; ++i) {
        if (i + 1 < n) __builtin_prefetch(events[i + 1].data.ptr);
        const std::uint32_t e = events[i].events;
        if (!events[i].data.ptr) {
            rung = true;
            continue;
        }
        const std::uint32_t bits =
            (e & EPOLLIN ? io_readable : 0u) | (e & EPOLLOUT ? io_writable : 0u) |
            (e & EPOLLRDHUP ? io_peer_closed : 0u) | (e & (EPOLLERR | EPOLLHUP) ? io_broken : 0u);
        static_cast<io_target*>(events[i].data.ptr)->on_io(bits);
    }
    if (rung) answer_bells();
    return n == 0 || (n > 0 && n < events_per_turn_max && now_ - before < sure_for);
}

// What is deferred while this runs waits for the next turn, so that a pair of objects that wake
// each other cannot keep the loop from its sockets.
void loop::run_deferred() {
    if (deferred_.empty()) return;
    base::list<deferred, deferred> now;
    while (!deferred_.empty()) now.push_back(deferred_.front());
    while (!now.empty()) {
        deferred& work = now.front();
        work.unlink();
        work.run_deferred();
    }
}

void loop::bury() {
    while (!retired_.empty()) {
        retired& dead = retired_.front();
        dead.unlink();
        delete &dead;
    }
}

}  // namespace pkernel::net

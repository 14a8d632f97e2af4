// One worker's event loop: epoll, edge-triggered, each fd registered once for its life.
//
// Edge-triggered means that an io_target must remember that its fd is readable or writable until a
// call has said EAGAIN, or a read came back short. No epoll_ctl is made per wait, and an idle
// connection holds no buffer. (docs/decisions/ tells why this is not Asio.) Everything but
// bell::ring is for the loop's thread only.

#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/base/list.hpp"
#include "kernel/base/unique_fd.hpp"
#include "kernel/net/timer.hpp"

namespace pkernel::net {

// Bits of on_io.
enum io_event : std::uint32_t {
    io_readable = 1,
    io_writable = 2,
    io_peer_closed = 4,  // The peer sent FIN.
    io_broken = 8        // Reset, or both directions are down.
};

class io_target {
public:
    // Called with io_event bits. The target may close its fd after loop::remove (a child that is
    // being forked may hold it a moment longer, and epoll knows it until then), but must not be
    // destroyed before the batch of events ends: hand it to loop::retire.
    virtual void on_io(std::uint32_t events) = 0;

protected:
    ~io_target() = default;
};

// What ends once the present batch of events has been handled.
class retired : public base::list_hook<retired> {
public:
    virtual ~retired() = default;
};

// Work to be done before the loop waits again, after the callback that asked for it has returned.
class deferred : public base::list_hook<deferred> {
public:
    virtual void run_deferred() = 0;

protected:
    ~deferred() = default;
};

// An fd that is shown to epoll only when it has been open for a moment: what is over sooner saves
// that, and its events.
class late_watch : public base::list_hook<late_watch> {
public:
    // Between add_late and its first event; unlink() it before the fd is closed.
    bool pending() const noexcept { return linked(); }

private:
    friend class loop;
    io_target* target_ = nullptr;
    int fd_ = -1;
};

class loop;

// The door from other threads. It cannot be full: rings made before the last was answered become
// one.
class bell {
public:
    using handler = void (*)(void* owner);
    bell(loop& l, handler answer, void* owner);
    ~bell();
    bell(const bell&) = delete;
    bell& operator=(const bell&) = delete;

    void ring() noexcept;  // [any]

private:
    friend class loop;
    loop& loop_;
    const handler answer_;
    void* const owner_;
    std::atomic<bool> rung_{false};
    bell* next_ = nullptr;
};

class loop {
public:
    loop();
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    // Registers for readable, writable and peer-closed, edge-triggered. False with errno when the
    // kernel refuses. Closing the fd deregisters it.
    bool add(int fd, io_target& target);
    // Adds in `late_after` to twice that; if the kernel refuses then, the target is told io_broken.
    static constexpr nanoseconds late_after = std::chrono::milliseconds(5);
    void add_late(int fd, io_target& target, late_watch& watch) noexcept;
    // Adds one that is pending at once. False as add.
    bool add_now(late_watch& watch);
    // Another target for an fd that add knows. What is ready is told again.
    bool retarget(int fd, io_target& target);
    // Level-triggered, readable only: listening sockets, event and signal fds.
    bool add_listener(int fd, io_target& target);
    void remove(int fd);

    // Runs until stop. Each turn: events, bells, timers, deferred work, then the retired are
    // destroyed. While more events wait than a turn takes, timers wait too, for so many turns at
    // most: what arrived in time is not timed out because this process was stopped or busy. Nor is
    // what a turn began that was stopped in its middle.
    static constexpr std::uint32_t crowded_turns_max = 64;
    void run();
    void stop() noexcept { stopping_ = true; }
    // After run: what is deferred and retired, without waiting for events.
    void run_once();

    // Monotonic, cached once a turn.
    instant now() const noexcept { return now_; }
    // How busy it is. What is served now became ready at `ready_since` at the earliest: when the
    // last turn began, or this one if the loop slept in between. (Where more is ready than a turn
    // takes, it may be earlier.)
    instant ready_since() const noexcept { return ready_since_; }
    nanoseconds idle_time() const noexcept { return idle_; }  // Asleep, in all.
    timer_wheel& timers() noexcept { return timers_; }

    void defer(deferred& work) noexcept {
        if (!work.linked()) deferred_.push_back(work);
    }
    // Takes ownership; destroyed after this turn.
    void retire(retired* object) noexcept { retired_.push_back(*object); }

private:
    friend class bell;
    void add_late_ones();
    bool control(int operation, int fd, io_target& target);
    void wake() noexcept;  // [any]
    void answer_bells();
    bool wait_and_dispatch();
    void forgive(nanoseconds turn) noexcept;
    void run_deferred();
    void bury();

    int epoll_;
    bool stopping_ = false;
    bool forgave_ = false;
    std::uint32_t crowded_turns_ = 0;
    instant now_;
    instant ready_since_{};
    nanoseconds idle_{};
    timer_wheel timers_;
    timer late_timer_;
    base::list<late_watch, late_watch> late_;
    base::unique_fd door_;  // What wakes it from its wait.
    bell* bells_ = nullptr;
    base::list<deferred, deferred> deferred_;
    base::list<retired, retired> retired_;
};

// Reads the monotonic clock itself.
instant monotonic_now() noexcept;

// How long this thread has been ready to run, ever, while others had the processors. 0 where the
// system does not tell. Costs about 10 us.
nanoseconds processor_wait() noexcept;

}  // namespace pkernel::net

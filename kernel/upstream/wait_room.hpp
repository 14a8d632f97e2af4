// Requests that wait for a place, where all endpoints of an upstream are full.
//
// First come, first served, whichever worker they are on. Where nobody waits, who gives a place
// back reads one number and takes no lock.
//
// Nobody waits while there is a place: who gives one back tells the first in line (call), who
// stands in line newly looks once more by itself, and who leaves the first place, with a place at
// an endpoint or without, tells the next. So what a worker was told and could not use any more is
// not lost.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "kernel/base/list.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/net/timer.hpp"

namespace pkernel::upstream {

class wait_door;
class wait_line;

// One that waits. Owned by who waits; its worker's thread.
struct waiter : base::list_hook<waiter> {
    // Tries to take a place. Called when it is the first one and there may be one.
    bool (*take)(void* owner) = nullptr;
    // It has taken one, and does not stand in line any more. May do whatever it likes.
    void (*go)(void* owner) = nullptr;
    // It stands in another line now (move_to). May not leave it before that returns.
    void (*moved)(void* owner) = nullptr;
    void* owner = nullptr;

private:
    friend class wait_door;
    friend class wait_line;
    wait_door* door_ = nullptr;
    std::uint64_t ticket_ = 0;  // Who came before has a smaller one.
};

// Of one upstream, through all its generations. [any]
class wait_room {
public:
    wait_room() = default;
    wait_room(const wait_room&) = delete;
    wait_room& operator=(const wait_room&) = delete;

    // After a place was given back, by an operation that is sequentially consistent, as is the one
    // by which a waiter looks: one of the two sees the other.
    void place_is_free() {
        if (waiting_.load(std::memory_order_seq_cst) > 0) call();
    }
    std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

private:
    friend class wait_line;
    friend class wait_door;
    void call();
    bool reserve(std::uint32_t most) noexcept;

    std::atomic<std::uint32_t> waiting_{0};
    std::mutex lock_;
    std::uint64_t tickets_ = 0;
    base::list<wait_line, wait_line> lines_;
};

// Of one generation of it: those in it wait for the same endpoints. Workers go over to the next one
// at different moments, and take those who wait there with them. [any]
class wait_line : public base::list_hook<wait_line> {
public:
    explicit wait_line(std::shared_ptr<wait_room> room);
    // Requires that nobody waits in it.
    ~wait_line();

    // Whoever comes now stands behind someone.
    bool anybody() const noexcept { return count_.load(std::memory_order_relaxed) > 0; }
    const std::shared_ptr<wait_room>& room() const noexcept { return room_; }

private:
    friend class wait_room;
    friend class wait_door;
    void call_first() noexcept;
    void merge(base::list<waiter, waiter>& others) noexcept;

    const std::shared_ptr<wait_room> room_;
    base::list<waiter, waiter> waiters_;   // Under the room's lock; by ticket.
    std::atomic<std::uint32_t> count_{0};  // Of them.
};

// Where those of one worker stand in line. Its thread.
class wait_door {
public:
    // What no place given back tells of (an endpoint that is up again) is seen after so long.
    static constexpr net::nanoseconds look_again = std::chrono::milliseconds(100);

    // All outlive it. `again` 0: it looks only when it is told to.
    wait_door(wait_line& line, net::loop& loop, net::nanoseconds again = look_again);
    wait_door(const wait_door&) = delete;
    wait_door& operator=(const wait_door&) = delete;

    // To the end of the line. False: `most` wait already in the room.
    bool enter(waiter& w, std::uint32_t most);
    // Out of it, from wherever it stands.
    void leave(waiter& w);
    // All that came by this door wait at the other one, in the line of a newer generation, where
    // they stand by when they came. None is refused. Then each is told.
    void move_to(wait_door& other);

private:
    friend class wait_line;
    void answer();
    void count_in(std::uint32_t more);

    wait_line& line_;
    net::loop& loop_;
    const net::nanoseconds again_;
    std::uint32_t own_ = 0;
    net::bell bell_;
    net::timer timer_;
};

}  // namespace pkernel::upstream

#include "kernel/upstream/wait_room.hpp"

#include <utility>
#include <vector>

#include "kernel/base/check.hpp"

namespace pkernel::upstream {

bool wait_room::reserve(std::uint32_t most) noexcept {
    std::uint32_t now = waiting_.load(std::memory_order_relaxed);
    do {
        if (now >= most) return false;
    } while (!waiting_.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst,
                                             std::memory_order_relaxed));
    return true;
}

// Of each generation: they may wait for the same place.
void wait_room::call() {
    const std::lock_guard hold(lock_);
    lines_.for_each([](wait_line& l) { l.call_first(); });
}

wait_line::wait_line(std::shared_ptr<wait_room> room) : room_(std::move(room)) {
    const std::lock_guard hold(room_->lock_);
    room_->lines_.push_back(*this);
}

wait_line::~wait_line() {
    const std::lock_guard hold(room_->lock_);
    unlink();
}

// Under the room's lock: whom it rings at cannot go meanwhile.
void wait_line::call_first() noexcept {
    if (!waiters_.empty()) waiters_.front().door_->bell_.ring();
}

// Under the room's lock. Both are in the order of their tickets.
void wait_line::merge(base::list<waiter, waiter>& others) noexcept {
    base::list<waiter, waiter> all;
    while (!others.empty() && !waiters_.empty()) {
        auto& first = others.front().ticket_ < waiters_.front().ticket_ ? others : waiters_;
        all.push_back(first.front());
    }
    while (!waiters_.empty()) all.push_back(waiters_.front());
    while (!all.empty()) waiters_.push_back(all.front());
    while (!others.empty()) waiters_.push_back(others.front());
}

wait_door::wait_door(wait_line& line, net::loop& loop, net::nanoseconds again)
    : line_(line),
      loop_(loop),
      again_(again),
      bell_(
          loop, [](void* self) { static_cast<wait_door*>(self)->answer(); }, this),
      timer_(
          [](void* self) {
              auto* me = static_cast<wait_door*>(self);
              me->timer_.arm(me->loop_.timers(), me->loop_.now() + me->again_);
              me->answer();
          },
          this) {}

bool wait_door::enter(waiter& w, std::uint32_t most) {
    wait_room& room = *line_.room_;
    if (!room.reserve(most)) return false;
    w.door_ = this;
    {
        const std::lock_guard hold(room.lock_);
        w.ticket_ = ++room.tickets_;
        line_.waiters_.push_back(w);
        line_.count_.fetch_add(1, std::memory_order_relaxed);
    }
    // A place that was given back before it stood here, nobody has told it of.
    bell_.ring();
    count_in(1);
    return true;
}

void wait_door::count_in(std::uint32_t more) {
    if (own_ == 0 && again_.count() > 0) timer_.arm(loop_.timers(), loop_.now() + again_);
    own_ += more;
}

void wait_door::leave(waiter& w) {
    wait_room& room = *line_.room_;
    if (--own_ == 0) timer_.cancel();
    const std::lock_guard hold(room.lock_);
    const bool was_first = &line_.waiters_.front() == &w;
    w.unlink();
    line_.count_.fetch_sub(1, std::memory_order_relaxed);
    room.waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (was_first) line_.call_first();
}

void wait_door::move_to(wait_door& other) {
    if (own_ == 0) return;
    wait_line& to = other.line_;
    PK_CHECK(to.room_ == line_.room_);
    std::vector<waiter*> ours;
    ours.reserve(own_);
    {
        const std::lock_guard hold(to.room_->lock_);
        base::list<waiter, waiter> moved;
        line_.waiters_.for_each([&](waiter& w) {
            if (w.door_ != this) return;
            w.door_ = &other;
            moved.push_back(w);
            ours.push_back(&w);
        });
        to.merge(moved);
        line_.count_.fetch_sub(own_, std::memory_order_relaxed);
        to.count_.fetch_add(own_, std::memory_order_relaxed);
        line_.call_first();
        to.call_first();
    }
    other.count_in(std::exchange(own_, 0));
    timer_.cancel();
    for (waiter* w : ours) w->moved(w->owner);
}

// If ours is the first: only we take it out, so it stays meanwhile. Another worker's may go as soon
// as the lock is given back; its door was told when it became the first.
void wait_door::answer() {
    waiter* first = nullptr;
    {
        const std::lock_guard hold(line_.room_->lock_);
        if (line_.waiters_.empty() || line_.waiters_.front().door_ != this) return;
        first = &line_.waiters_.front();
    }
    if (!first->take(first->owner)) return;
    leave(*first);
    first->go(first->owner);
}

}  // namespace pkernel::upstream

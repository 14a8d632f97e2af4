#include "kernel/upstream/wait_room.hpp"

#include <utility>

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
        line_.waiters_.push_back(w);
        line_.count_.fetch_add(1, std::memory_order_relaxed);
    }
    // A place that was given back before it stood here, nobody has told it of.
    bell_.ring();
    if (own_++ == 0 && again_.count() > 0) timer_.arm(loop_.timers(), loop_.now() + again_);
    return true;
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

#include "kernel/upstream/race.hpp"

#include <cerrno>

#include "kernel/net/socket.hpp"

namespace pkernel::upstream {

namespace {

std::size_t first_of(const destination& to) noexcept {
    const std::size_t best = to.best ? to.best->load(std::memory_order_relaxed) : 0;
    return best < to.addresses->size() ? best : 0;
}

}  // namespace

race::race(net::loop& loop, const destination& to, race_owner& owner)
    : loop_(loop),
      to_(to),
      owner_(owner),
      first_(first_of(to)),
      timer_(
          [](void* self) {
              auto* me = static_cast<race*>(self);
              if (!me->over_) me->begin_next();
          },
          this) {
    for (lane& each : lanes_) each.in = this;
}

race::~race() = default;

bool race::start() {
    if (begin_next()) return true;
    errno = error_;
    return false;
}

void race::end() noexcept {
    over_ = true;
    timer_.cancel();
    for (lane& each : lanes_) {
        if (each.fd) loop_.remove(each.fd.get());
        each.fd = {};
    }
}

race::lane* race::free_lane() noexcept {
    for (lane& each : lanes_)
        if (!each.fd) return &each;
    return nullptr;
}

// The preferred one, then all others in their order.
std::size_t race::next_index() noexcept {
    const std::size_t turn = tried_++;
    if (turn == 0) return first_;
    return turn <= first_ ? turn - 1 : turn;
}

bool race::begin(lane& with, std::size_t index) {
    const auto at = to_.at(index);
    bool done = false;
    with.index = index;
    with.fd = base::unique_fd(net::connect_to(at.get(), at.size, &done));
    if (with.fd && loop_.add(with.fd.get(), with)) {
        ++running_;
        return true;  // One that is connected already is told by its first event.
    }
    error_ = errno;
    with.fd = {};
    return false;
}

// Begins with the next address that does not fail at once. False: there is none, and none runs.
bool race::begin_next() {
    lane* const free = free_lane();
    while (free && tried_ < to_.addresses->size())
        if (begin(*free, next_index())) {
            if (tried_ < to_.addresses->size()) timer_.arm(loop_.timers(), loop_.now() + stagger);
            return true;
        }
    return running_ > 0;
}

void race::heard(lane& from, std::uint32_t events) {
    if (over_ || !from.fd) return;
    if (const int why = net::connect_error(from.fd.get()); why != 0) {
        error_ = why;
        loop_.remove(from.fd.get());
        from.fd = {};
        --running_;
        if (begin_next()) return;
        over_ = true;
        timer_.cancel();
        return owner_.race_lost(error_);
    }
    if (!(events & net::io_writable)) return;
    base::unique_fd won = std::move(from.fd);
    const std::size_t index = from.index;
    end();
    if (to_.best && first_ != index)
        to_.best->store(static_cast<std::uint32_t>(index), std::memory_order_relaxed);
    owner_.race_won(std::move(won), to_.at(index));
}

}  // namespace pkernel::upstream

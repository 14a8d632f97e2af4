// How a connection comes to be: the way to one address, to the first of several, or into a backlog
// that is full.

#include <algorithm>
#include <cerrno>

#include "kernel/net/socket.hpp"
#include "kernel/upstream/connection.hpp"

namespace pkernel::upstream {

namespace {

failure_kind connect_failure(int why) noexcept {
    if (why == ECONNREFUSED || why == ENOENT) return failure_kind::connect_refused;
    if (why == ETIMEDOUT) return failure_kind::connect_timeout;
    if (net::is_shortage(why)) return failure_kind::no_resources;
    return failure_kind::connect_unreachable;
}

}  // namespace

bool connection::connect(const destination& to, const transport_use& through,
                         net::nanoseconds timeout, connection_user& user, failure* why) {
    if (through.plan) through_ = std::make_unique<const transport_use>(through);
    const bool one = to.addresses->size() == 1;
    if (one ? connect_one(to.at(0)) : connect_race(to)) {
        time(timing::connect, timeout);
    } else if (one && errno == EAGAIN && to.at(0).family() == AF_UNIX) {
        backlog_ = std::make_unique<full_backlog>(to.at(0), loop_.now() + timeout);
        time(timing::backlog, std::min(backlog_->pause, timeout));
    } else {
        *why = {connect_failure(errno)};
        return false;
    }
    user_ = &user;
    return true;
}

// A connect that is done already is told by the first event.
bool connection::connect_one(const socket_address& to) {
    bool done = false;
    peer_ = net::to_pk_address(to.storage);
    wire_.attach(net::connect_to(to.get(), to.size, &done));
    return wire_.open() && loop_.add(wire_.fd(), *this);
}

void connection::connect_again() {
    const auto left = backlog_->until - loop_.now();
    if (connect_one(backlog_->to)) {
        backlog_.reset();
        return time(timing::connect, std::max(left, net::nanoseconds(0)));
    }
    if (errno != EAGAIN) return connect_failed(errno);
    if (left <= net::nanoseconds(0)) return fail(failure_kind::connect_timeout);
    backlog_->pause = std::min(2 * backlog_->pause, full_backlog::pause_max);
    time(timing::backlog, std::min(backlog_->pause, left));
}

void connection::connect_failed(int why) {
    fail(connect_failure(why));
}

bool connection::connect_race(const destination& to) {
    race_.reset(new race(loop_, to, *this));
    return race_->start();
}

// That it is writable is told again, now to us.
void connection::race_won(base::unique_fd fd, const socket_address& at) {
    end_race();
    peer_ = net::to_pk_address(at.storage);
    wire_.attach(fd.release());
    if (!loop_.retarget(wire_.fd(), *this)) fail(failure_kind::connect_unreachable);
}

void connection::race_lost(int error) {
    end_race();
    connect_failed(error);
}

void connection::end_race() noexcept {
    if (!race_) return;
    race_->end();
    loop_.retire(race_.release());
}

}  // namespace pkernel::upstream

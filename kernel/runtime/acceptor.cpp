#include "kernel/runtime/acceptor.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/net/listen.hpp"
#include "kernel/net/pacing.hpp"
#include "kernel/net/socket.hpp"

namespace pkernel::runtime {

namespace {

bool is_any(const sockaddr_storage& a) noexcept {
    if (a.ss_family == AF_INET)
        return reinterpret_cast<const sockaddr_in&>(a).sin_addr.s_addr == htonl(INADDR_ANY);
    if (a.ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6&>(a).sin6_addr);
    return false;
}

}  // namespace

acceptor::acceptor(net::loop& loop, accept_target& to, base::unique_fd fd, std::uint32_t listener)
    : loop_(loop),
      to_(to),
      fd_(std::move(fd)),
      listener_(listener),
      deferred_(fd_.get()),
      resume_([](void* self) { static_cast<acceptor*>(self)->watch(); }, this),
      look_([](void* self) { static_cast<acceptor*>(self)->look(); }, this) {
    const auto bound = net::bound_address(fd_.get());
    local_ = net::to_pk_address(bound.storage);
    any_ = is_any(bound.storage);
    tcp_ = bound.family() != AF_UNIX;
    if (tcp_) net::set_no_delay(fd_.get());  // Accepted sockets inherit both.
    net::no_pacing_on_loopback(fd_.get(), bound.get());
    watch();
}

acceptor::~acceptor() {
    loop_.remove(fd_.get());
}

void acceptor::watch() {
    if (!held_) loop_.add_listener(fd_.get(), *this);
}

void acceptor::hold() {
    held_ = true;
    loop_.remove(fd_.get());
}

void acceptor::go_on() {
    held_ = false;
    resume_.cancel();
    loop_.remove(fd_.get());
    watch();
}

// False: nothing waits, or the pause has begun.
bool acceptor::accept_one() {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd = ::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) return true;
        if (net::is_shortage(errno)) {
            to_.out_of_descriptors(fd_.get());
            // Level-triggered, it would spin: look again in a while.
            loop_.remove(fd_.get());
            resume_.arm(loop_.timers(), loop_.now() + pause);
        }
        return false;
    }
    pk_address local = local_;
    if (any_) {
        sockaddr_storage own{};
        size = sizeof own;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0)
            local = net::to_pk_address(own);
    }
    if (tcp_ && deferred_.accepted(loop_.now())) look_after(deferred_accept::quiet_time);
    to_.accepted(fd, listener_, net::to_pk_address(peer), local);
    return true;
}

// As many as came before: the call that finds nothing more is worth a tenth of a short connection.
// If that was all there was, most of the time, it is not made; if more wait, the event comes again.
void acceptor::on_io(std::uint32_t) {
    for (int taken = 0; taken < quota_; ++taken) {
        if (held_) return;
        if (accept_one()) continue;
        quota_ = std::max(1, taken);
        used_up_ = 0;
        return;
    }
    if (++used_up_ < used_up_max) return;
    quota_ = std::min(2 * quota_, accepts_per_turn_max);
    used_up_ = 0;
}

bool acceptor::finish() {
    const bool kept_back = deferred_.on();
    deferred_.end();
    while (accept_one()) {
    }
    if (kept_back) {
        leaving_ = true;
        look_after(deferred_accept::release_time);
        return false;
    }
    resume_.cancel();
    loop_.remove(fd_.get());
    return true;
}

void acceptor::look_after(net::nanoseconds time) noexcept {
    look_.arm(loop_.timers(), loop_.now() + time);
}

void acceptor::look() {
    if (leaving_) {
        finish();
        return to_.finished(*this);
    }
    deferred_.look();
    if (deferred_.on()) look_after(deferred_accept::quiet_time);
}

}  // namespace pkernel::runtime

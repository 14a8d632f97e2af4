#include "kernel/runtime/deferred_accept.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pkernel::runtime {

void deferred_accept::set(bool on) noexcept {
    const int seconds = on ? 1 : 0;
    if (::setsockopt(fd_, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds) == 0) on_ = on;
}

bool deferred_accept::accepted(net::instant now) noexcept {
    if (count_ == 0) from_ = now;
    if (++count_ < burst || on_) return false;
    count_ = 0;
    if (now - from_ <= burst_time && !ended_) set(true);
    return on_;
}

void deferred_accept::look() noexcept {
    if (on_ && count_ < quiet) set(false);
    count_ = 0;
}

void deferred_accept::end() noexcept {
    ended_ = true;
    if (on_) set(false);
}

}  // namespace pkernel::runtime

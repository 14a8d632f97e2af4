// Traffic that stays on this machine is not paced.
//
// A congestion control that paces (BBR) arms a timer for each burst that it sends. On the loopback
// device no queue overflows and no bandwidth is to be found: the timers only cost, more than all
// else that a long body does (docs/decisions/0020). Where it is not the system's choice, nothing is
// done here.

#pragma once

#include <sys/socket.h>

namespace pkernel::net {

bool is_loopback(const sockaddr* a) noexcept;

// `at` is where the socket listens, for all that it accepts, or where it connects to. Without
// effect on other addresses, and where the system says no.
void no_pacing_on_loopback(int fd, const sockaddr* at) noexcept;

}  // namespace pkernel::net

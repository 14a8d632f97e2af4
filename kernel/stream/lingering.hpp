// The end of a connection whose client may still send: what comes is thrown away, so that no reset
// destroys what the client has yet to read. What would go on past `bytes_max` is left unread while
// the client takes its last bytes at the least rate, a window of `timeouts.linger` at a time.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "kernel/net/wire.hpp"
#include "kernel/stream/client_connection.hpp"

namespace pkernel::stream::lingering {

inline constexpr std::size_t bytes_max = 64 * 1024;
// Nobody tells of an acknowledgement, which a system may keep back for 40 ms.
inline constexpr net::nanoseconds look_after = std::chrono::milliseconds(50);

// Of `written` bytes those that the client has acknowledged.
inline std::uint64_t taken(const net::wire& w, std::uint64_t written) noexcept {
    return written - std::min<std::uint64_t>(written, net::undelivered(w.fd()));
}

// No more is read: look after `look_after` whether all has arrived.
inline bool only_waits(std::uint64_t so_far) noexcept {
    return so_far > bytes_max;
}

// When something may be there to read, or it is time to look; `so_far` is counted on. False: close
// it.
inline bool goes_on(net::wire& w, bool& readable, std::uint64_t& so_far) noexcept {
    if (!only_waits(so_far) && w.outlast(readable, so_far, bytes_max)) return true;
    return only_waits(so_far) && net::undelivered(w.fd()) > 0;
}

// When a window is over, in which the client has taken so many bytes. False: close it.
inline bool another_window(const net::wire& w, std::uint64_t bytes,
                           net::nanoseconds window) noexcept {
    return net::undelivered(w.fd()) > 0 && bytes > least_in(window);
}

}  // namespace pkernel::stream::lingering

#include "kernel/stream/splicer.hpp"

#include <fcntl.h>

#include <cerrno>

namespace pkernel::stream {

// The pipe is filled once and emptied before it is filled again: so that EAGAIN says which side it
// is that waits.
splicer::outcome splicer::pump(upstream::connection& from, downstream& client, int to) {
    std::uint64_t moved = 0;
    for (;;) {
        if (pipe_.held == 0) {
            if (from.spliceable() == 0) {
                end();
                return outcome::done;
            }
            if (moved >= turn_bytes) return outcome::more;
            const auto n = from.splice_into(pipe_.in(), net::pipe_pool::pipe_bytes);
            if (n < 0) return outcome::failed;
            if (n == 0) return wait_for_origin(from, client);
            pipe_.held = static_cast<std::uint64_t>(n);
        }
        // A small piece is all that there is for now.
        corked_ = from.spliceable() > 0 && pipe_.held >= bytes_min;
        const unsigned more = corked_ ? SPLICE_F_MORE : 0u;
        const auto m = ::splice(pipe_.out(), nullptr, to, nullptr, pipe_.held,
                                SPLICE_F_MOVE | SPLICE_F_NONBLOCK | more);
        if (m > 0) {
            pipe_.held -= static_cast<std::uint64_t>(m);
            client.spliced(static_cast<std::uint64_t>(m));
            moved += static_cast<std::uint64_t>(m);
            continue;
        }
        if (m < 0 && errno == EINTR) continue;
        // Any other error shows itself as an event of the client's socket.
        return outcome::waits_client;
    }
}

splicer::outcome splicer::wait_for_origin(const upstream::connection& from, downstream& client) {
    if (corked_ && !from.gathers()) {
        client.splice_pauses();
        corked_ = false;
    }
    return outcome::waits_origin;
}

}  // namespace pkernel::stream

// Moves the rest of a response's body from the origin's socket to the client's by splice(2).
//
// For bodies of known length that nobody needs to look at, when at least `bytes_min` are still to
// come. Whatever stands in the way (no pipe, bytes queued before it, a chain that looks), the body
// is copied instead.

#pragma once

#include <cstdint>

#include "kernel/net/fd_splice.hpp"
#include "kernel/net/pipe_pool.hpp"
#include "kernel/stream/edges.hpp"
#include "kernel/upstream/connection.hpp"

namespace pkernel::stream {

class splicer {
public:
    static constexpr std::uint64_t bytes_min = 64 * 1024;
    static constexpr std::uint64_t turn_bytes = net::fd_splice::bytes_max;

    enum class outcome : std::uint8_t {
        waits_origin,  // Until the origin's socket is readable.
        waits_client,  // Until the client's is writable.
        more,          // Neither waits: the others have their turn first.
        done,          // The whole body is through; the pipe is given back.
        failed         // The origin's connection has told its user why, and is gone.
    };

    bool active() const noexcept { return pipe_.active(); }
    // False: copy.
    // What was sent before waits for company.
    bool begin(net::pipe_pool& pipes) { return corked_ = pipe_.begin(pipes); }
    // Moves what can be moved. `to` is the client's socket.
    outcome pump(upstream::connection& from, downstream& client, int to);
    void end() noexcept { pipe_.end(); }

private:
    outcome wait_for_origin(const upstream::connection& from, downstream& client);

    net::lent_pipe pipe_;
    bool corked_ = false;  // The client's last segment waits for what follows.
};

}  // namespace pkernel::stream

// Moves bytes from one socket to another by splice(2), without copying them.
//
// It holds a pipe from begin to end; whoever uses it ends it when the source falls silent, so that
// what idles holds none. One worker's.

#pragma once

#include <cstdint>
#include <limits>

#include "kernel/net/pipe_pool.hpp"

namespace pkernel::net {

class fd_splice {
public:
    // In one go; then others have their turn.
    static constexpr std::uint64_t bytes_max = 1024 * 1024;
    // Reads in a row that filled their block before it is worth a pipe.
    static constexpr std::uint8_t full_reads_min = 2;

    enum class outcome : std::uint8_t {
        waits_source,  // The pipe is empty.
        waits_sink,
        more,    // Neither waits.
        done,    // All that were to be moved are.
        ended,   // FIN of the source; the pipe is empty.
        failed,  // The source's error.
    };

    bool active() const noexcept { return pipe_.active(); }
    // False: copy.
    bool begin(pipe_pool& pipes) { return pipe_.begin(pipes); }
    // `moved`: bytes that reached `to`. Its errors look like waiting: they show as its events.
    // `left`: how many may come from `from`, less what has.
    outcome pump(int from, int to, std::uint64_t& moved, std::uint64_t& left) noexcept;
    // Without an end that is known before.
    outcome pump(int from, int to, std::uint64_t& moved) noexcept {
        std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
        return pump(from, to, moved, left);
    }
    // Bytes have left their source that its sink has not taken.
    bool holds() const noexcept { return pipe_.held > 0; }
    // What is in the pipe is lost.
    void end() noexcept { pipe_.end(); }

private:
    lent_pipe pipe_;
};

}  // namespace pkernel::net

// Moves bytes of unknown number from one socket to another by splice(2), without copying them.
//
// It holds a pipe from begin to end; whoever uses it ends it when the source falls silent, so that
// what idles holds none. One worker's.

#pragma once

#include <cstdint>

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
        ended,   // FIN of the source; the pipe is empty.
        failed,  // The source's error.
    };

    bool active() const noexcept { return pipe_.active(); }
    // False: copy.
    bool begin(pipe_pool& pipes) { return pipe_.begin(pipes); }
    // `moved`: bytes that reached `to`. Its errors look like waiting: they show as its events.
    outcome pump(int from, int to, std::uint64_t& moved) noexcept;
    // What is in the pipe is lost.
    void end() noexcept { pipe_.end(); }

private:
    lent_pipe pipe_;
};

}  // namespace pkernel::net

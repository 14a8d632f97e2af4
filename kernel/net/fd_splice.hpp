// Moves bytes to a socket by splice(2), without copying them.
//
// It holds a pipe from begin to end; whoever uses it ends it when the source falls silent for long,
// so that what idles holds none. One worker's.

#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "kernel/net/pipe_pool.hpp"

namespace pkernel::net {

// One splice(2) that does not wait.
std::int64_t splice_some(int from, int to, std::size_t most, unsigned flags = 0) noexcept;

// What fills the pipe.
class pipe_source {
public:
    // At most `most` bytes, which is not 0: how many; 0 at its end; -1 as errno tells, EAGAIN where
    // none are there now.
    virtual std::int64_t fill(int pipe, std::size_t most) noexcept = 0;
    // Bytes that may still come.
    virtual std::uint64_t left() const noexcept = 0;

protected:
    ~pipe_source() = default;
};

// A socket that nobody reads from otherwise.
class fd_source final : public pipe_source {
public:
    explicit fd_source(int fd, std::uint64_t left = std::numeric_limits<std::uint64_t>::max())
        : fd_(fd), left_(left) {}
    std::int64_t fill(int pipe, std::size_t most) noexcept override;
    std::uint64_t left() const noexcept override { return left_; }

private:
    int fd_;
    std::uint64_t left_;
};

class fd_splice {
public:
    // In one go, but for what one pipe holds; then others have their turn.
    static constexpr std::uint64_t bytes_max = 1024 * 1024;
    // Reads in a row that filled their block before it is worth a pipe.
    static constexpr std::uint8_t full_reads_min = 2;
    // A piece that is worth waiting for company; what is smaller is all that there is for now.
    static constexpr std::uint64_t corked_min = 64 * 1024;

    enum class outcome : std::uint8_t {
        waits_source,  // The pipe is empty.
        waits_sink,
        more,    // Neither waits.
        done,    // All that was left has arrived.
        ended,   // FIN of the source; the pipe is empty.
        failed,  // The source's error; the pipe is empty.
    };

    bool active() const noexcept { return pipe_.active(); }
    // False: copy. `company`: what was sent before waits for what follows (MSG_MORE), and so may
    // every piece that more of a body follows.
    bool begin(pipe_pool& pipes, bool company = false) {
        company_ = corked_ = company;
        return pipe_.begin(pipes);
    }
    // `moved`: bytes that reached `to`. Its errors look like waiting: they show as its events.
    outcome pump(pipe_source& from, int to, std::uint64_t& moved) noexcept;
    // Bytes have left their source that its sink has not taken.
    bool holds() const noexcept { return pipe_.held > 0; }
    // The sink's last segment waited for company till now: whoever asks pushes it.
    bool uncork() noexcept { return std::exchange(corked_, false); }
    // What is in the pipe is lost.
    void end() noexcept { pipe_.end(); }

private:
    lent_pipe pipe_;
    bool company_ = false;
    bool corked_ = false;
};

}  // namespace pkernel::net

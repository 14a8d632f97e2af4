// Pipes for splice(2): a body goes from socket to socket through one without being copied. One
// worker's.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/base/unique_fd.hpp"

namespace pkernel::net {

struct pipe {
    base::unique_fd out;  // To read from.
    base::unique_fd in;   // To write to.
    explicit operator bool() const noexcept { return static_cast<bool>(out); }
};

class pipe_pool {
public:
    static constexpr std::size_t in_use_max = 1024;
    static constexpr std::size_t spare_max = 64;
    static constexpr int pipe_bytes = 256 * 1024;

    // An empty pipe, or none: no more may be had, the caller copies.
    pipe take();
    // Takes back an empty one; one that holds bytes is to be given up as `dirty`.
    void give_back(pipe p, bool dirty);

private:
    std::vector<pipe> spare_;
    std::size_t in_use_ = 0;
};

// A pipe of the pool from begin to end, and how many bytes are in it.
class lent_pipe {
public:
    ~lent_pipe() { end(); }
    bool active() const noexcept { return static_cast<bool>(pipe_); }
    // False: none may be had.
    bool begin(pipe_pool& from);
    // What is in it is lost.
    void end() noexcept;

    int out() const noexcept { return pipe_.out.get(); }
    int in() const noexcept { return pipe_.in.get(); }
    std::uint64_t held = 0;

private:
    pipe_pool* pool_ = nullptr;
    pipe pipe_;
};

}  // namespace pkernel::net

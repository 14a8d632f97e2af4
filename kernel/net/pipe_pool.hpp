// Pipes for splice(2): a body goes from socket to socket through one without being copied. One
// worker's.

#pragma once

#include <cstddef>
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

}  // namespace pkernel::net

#include "kernel/net/pipe_pool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace pkernel::net {

pipe pipe_pool::take() {
    if (in_use_ >= in_use_max) return {};
    if (!spare_.empty()) {
        pipe p = std::move(spare_.back());
        spare_.pop_back();
        ++in_use_;
        return p;
    }
    int fds[2];
    if (::pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) return {};
    ::fcntl(fds[1], F_SETPIPE_SZ, pipe_bytes);  // Smaller where the system says so.
    ++in_use_;
    return {base::unique_fd(fds[0]), base::unique_fd(fds[1])};
}

void pipe_pool::give_back(pipe p, bool dirty) {
    --in_use_;
    if (!dirty && spare_.size() < spare_max) spare_.push_back(std::move(p));
}

bool lent_pipe::begin(pipe_pool& from) {
    pipe_ = from.take();
    pool_ = &from;
    held = 0;
    return active();
}

void lent_pipe::end() noexcept {
    if (!pipe_) return;
    pool_->give_back(std::exchange(pipe_, {}), held > 0);
    held = 0;
}

}  // namespace pkernel::net

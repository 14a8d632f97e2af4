#include "kernel/stream/splicer.hpp"

#include <fcntl.h>

#include <cerrno>

namespace pkernel::stream {

bool splicer::begin(net::pipe_pool& pipes) {
    pipe_ = pipes.take();
    pipes_ = &pipes;
    held_ = 0;
    return active();
}

// The pipe is filled once and emptied before it is filled again: so that EAGAIN says which side it
// is that waits.
splicer::outcome splicer::pump(upstream::connection& from, downstream& client, int to) {
    for (;;) {
        if (held_ == 0) {
            if (from.spliceable() == 0) {
                end();
                return outcome::done;
            }
            const auto n = from.splice_into(pipe_.in.get(), net::pipe_pool::pipe_bytes);
            if (n < 0) return outcome::failed;
            if (n == 0) return outcome::waits_origin;
            held_ = static_cast<std::uint64_t>(n);
        }
        // A small piece is all that there is for now: it must not wait for company.
        const bool company = from.spliceable() > 0 && held_ >= bytes_min;
        const unsigned more = company ? SPLICE_F_MORE : 0u;
        const auto m = ::splice(pipe_.out.get(), nullptr, to, nullptr, held_,
                                SPLICE_F_MOVE | SPLICE_F_NONBLOCK | more);
        if (m > 0) {
            held_ -= static_cast<std::uint64_t>(m);
            client.spliced(static_cast<std::uint64_t>(m));
            continue;
        }
        if (m < 0 && errno == EINTR) continue;
        // Any other error shows itself as an event of the client's socket.
        return outcome::waits_client;
    }
}

void splicer::end() noexcept {
    if (!pipe_) return;
    pipes_->give_back(std::exchange(pipe_, {}), held_ > 0);
    held_ = 0;
}

}  // namespace pkernel::stream

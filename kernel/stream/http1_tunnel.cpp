// A client's connection that has become one side of a tunnel: it reads and writes on its own.

#include "kernel/stream/http1_server.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

// With the 101. What was read behind the request is the tunnel's.
void http1_server::begin_tunnel() {
    phase_ = phase::tunnel;
    read_timer_.cancel();
    timing_ = reading::none;
    response_left_ = -1;
    chunked_ = until_close_ = false;
    context_.loop.defer(*this);
}

// False: nothing to read, or nobody to take it.
bool http1_server::take_tunnel() {
    if (fin_seen_ || !stream_->wants_request()) return false;
    if (in_.empty() && !fill()) return false;
    large_ = in_.free_size() == 0;
    stream_->request_data(in_.take(in_.size()));
    return true;
}

// What there was has been written, as far as it went. Ends the side, or both, or reads on.
void http1_server::tunnel_writes() {
    if (out_.empty() && response_done_ && !fin_sent_) fin_sent_ = wire_.end_writing();
    if (fin_sent_ && stream_->tunnel_sent()) return complete();
    proceed();
}

}  // namespace pkernel::stream

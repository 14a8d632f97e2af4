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
    if (watch()) context_.loop.defer(*this);
}

// False: nothing to read, or nobody to take it.
bool http1_server::take_tunnel() {
    if (fin_seen_ || !stream_->wants_request()) return false;
    if (in_.empty()) {
        if (splices_tunnel()) {
            pump_tunnel();
            return false;
        }
        if (!fill()) return false;
        full_reads_ = in_.free_size() > 0 ? 0 : full_reads_ < 255 ? full_reads_ + 1 : 255;
    }
    stream_->request_data(in_.take(in_.size(), stream_->nothing_waits(PK_REQUEST)));
    return true;
}

// While the client's side is busy and nobody looks at it.
bool http1_server::splices_tunnel() {
    if (splice_.active()) return true;
    const bool busy = full_reads_ >= net::fd_splice::full_reads_min && readable_;
    if (!busy || wire_.plain_to_read() < 0) return false;
    splice_to_ = stream_->splice_sink();
    return splice_to_ >= 0 && splice_.begin(context_.pipes);
}

void http1_server::pump_tunnel() {
    using outcome = net::fd_splice::outcome;
    std::uint64_t moved = 0;
    net::fd_source from(wire_.fd());
    const auto what = splice_.pump(from, splice_to_, moved);
    if (moved > 0) stream_->request_spliced(moved);
    if (what == outcome::more) return context_.loop.defer(*this);
    if (what == outcome::waits_sink) return stream_->sink_waits();
    splice_.end();
    full_reads_ = 0;
    readable_ = false;
    if (what == outcome::ended) return peer_ended();
    if (what == outcome::waits_source) return;
    end_stream({PK_END_CLIENT_ABORT, "client_reset"});
    close(false);
}

void http1_server::tell_tunnels(survivors& left) {
    if (phase_ == phase::tunnel && stream_) stream_->tell_tunnel(left);
}

// What there was has been written, as far as it went. Ends the side, or both, or reads on.
void http1_server::tunnel_writes() {
    if (out_.empty() && response_done_ && !fin_sent_) fin_sent_ = wire_.end_writing();
    if (fin_sent_ && stream_->tunnel_sent()) return complete();
    proceed();
}

}  // namespace pkernel::stream

// The rest of a request's body by splice(2), from the client's socket to the origin's: when its
// length is known, much of it is to come, and nobody looks at it or keeps it.

#include "kernel/stream/http1_server.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

bool http1_server::splices_body() {
    // The origin may have answered and gone, and its fd may be another's by now.
    if (splice_.active() && !stream_->body_goes_on()) splice_.end();
    if (splice_.active()) return true;
    const bool worth = body_.left() >= splice_body_min;
    if (!worth || !readable_ || !in_.empty() || wire_.plain_to_read() < 0) return false;
    splice_to_ = stream_->body_sink();
    return splice_to_ >= 0 && splice_.begin(context_.pipes);
}

// False: nothing more for now, or the connection is closed.
bool http1_server::pump_body() {
    using outcome = net::fd_splice::outcome;
    std::uint64_t moved = 0;
    net::fd_source from(wire_.fd(), body_.left());
    const auto what = splice_.pump(from, splice_to_, moved);
    body_.moved(body_.left() - from.left());
    window_in_ += moved;
    if (moved > 0) stream_->body_spliced(moved);
    if (what == outcome::more) {
        context_.loop.defer(*this);
        return false;
    }
    if (what == outcome::waits_sink) {
        stream_->sink_waits();
        return false;
    }
    // Who waits holds no pipe.
    splice_.end();
    if (what == outcome::done) {
        body_complete();
        return true;
    }
    readable_ = false;
    if (what == outcome::waits_source) {
        if (moved == 0) stream_->body_pauses();
    } else if (what == outcome::ended) {
        peer_ended();
    } else {
        end_stream({PK_END_CLIENT_ABORT, "client_reset"});
        close(false);
    }
    return false;
}

}  // namespace pkernel::stream

// Ends: of a stream, with what it leaves behind on the connection, and of the connection.

#include "kernel/stream/http1_server.hpp"
#include "kernel/stream/lingering.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

// The stream is over: what it leaves behind on the connection decides what comes next.
void http1_server::complete() {
    const bool whole = phase_ == phase::waiting && request_whole_;
    const bool cut = aborted_;
    stream* s = std::exchange(stream_, nullptr);
    s->finish();
    context_.free_stream(s);
    // What a client still sends, that its plugin has ended, must not destroy its last bytes.
    const bool speaks = phase_ == phase::tunnel && !cut && !fin_seen_;
    if (phase_ == phase::tunnel && !speaks && (!cut || cut_hard_)) return close(cut && !fin_sent_);
    if (speaks) return linger();
    if (cut) return until_close_ ? close(true) : linger();
    if (keep_ && phase_ == phase::body) return read_past();
    keep_ = keep_ && whole;
    go_on_or_end(!whole);
}

void http1_server::go_on_or_end(bool unread) {
    if (keep_ && !context_.draining && !draining_) return next_request();
    // Unread bytes would turn the close into a reset that could overtake the answer.
    unread || readable_ || !in_.empty() ? linger() : close(false);
}

// The request was answered before it was whole. If little is left of it and that comes soon, the
// connection goes on behind it.
void http1_server::read_past() {
    if (body_.left() > lingering::bytes_max) return linger();
    if (!watch()) return;
    phase_ = phase::past;
    splice_.end();
    lingered_ = 0;
    time_reading(reading::linger, listener().conf->timeouts.linger);
    proceed();
}

// False: more bytes are needed.
bool http1_server::take_past() {
    using event = http::body_reader::event;
    base::arena arena(context_.blocks);
    http::fields trailers(arena);
    http::parse_fault fault;
    const auto step = body_.next(in_.view(), listener().head_limits, trailers, fault);
    in_.consume(step.consumed);
    lingered_ += step.consumed;
    if (step.what == event::bad || lingered_ > lingering::bytes_max)
        linger();
    else if (body_.over())
        go_on_or_end(false);
    return step.what != event::need_more;
}

void http1_server::next_request() {
    phase_ = phase::idle;
    responding_ = response_done_ = aborted_ = until_close_ = chunked_ = false;
    need_more_ = false;
    scratch_.reset();
    time_reading(reading::idle, listener().conf->timeouts.client_idle);
    if (!in_.empty() || readable_)
        proceed();
    else
        in_.release();
}

void http1_server::end_stream(base::end_reason why) {
    stream* s = std::exchange(stream_, nullptr);
    s->abort(why);
    s->finish();
    context_.free_stream(s);
}

// Half-closes, and reads on for a little so that no reset destroys what the client has yet to read.
void http1_server::linger() {
    if (!watch()) return;
    phase_ = phase::lingering;
    splice_.end();
    in_.release();
    write_timer_.cancel();
    lingered_ = 0;
    readable_ = true;
    taken_ = taken_by_client();
    time_reading(reading::linger, listener().conf->timeouts.linger);
    discard();
}

void http1_server::discard() {
    if (!lingering::goes_on(wire_, readable_, lingered_)) return close(false);
    if (lingering::only_waits(lingered_) && !write_timer_.armed())
        write_timer_.arm(context_.loop.timers(), context_.loop.now() + lingering::look_after);
}

void http1_server::linger_expired() {
    if (phase_ == phase::past) return linger();
    const auto window = listener().conf->timeouts.linger;
    const auto before = std::exchange(taken_, taken_by_client());
    if (!lingering::another_window(wire_, taken_ - before, window)) return close(false);
    time_reading(reading::linger, window);
}

void http1_server::close(bool with_reset) {
    if (phase_ == phase::closed) return;
    phase_ = phase::closed;
    read_timer_.cancel();
    write_timer_.cancel();
    deferred::unlink();
    if (!late_.pending()) context_.loop.remove(wire_.fd());
    late_.unlink();
    splice_.end();
    out_.clear();
    in_.release();
    // Counted off first: who sees it closed may take its place.
    base::list_hook<client_connection>::unlink();
    keeper_.connection_closed(*this);
    wire_.close(with_reset);
    context_.loop.retire(this);
}

void http1_server::kill(base::end_reason why) {
    const bool hidden = stream_ && until_close_;  // A FIN would look like the response's end.
    if (stream_) end_stream(why);
    close(hidden);
}

void http1_server::shed() {
    static constexpr base::end_reason why{PK_END_LIMIT, "memory_shed"};
    keep_ = false;
    if (!stream_) return close(false);
    if (phase_ == phase::closed) return;
    if (responding_) {
        end_stream(why);
        return close(true);
    }
    if (phase_ == phase::head) phase_ = phase::waiting;
    timing_ = reading::none;
    stream_->request_failed(503, why);
}

void http1_server::go_on() {
    if (stream_) stream_->response_drained();
}

void http1_server::drain(net::nanoseconds grace) {
    // One that a reload left behind has not been told of the stop that follows.
    if (phase_ == phase::tunnel && stream_) stream_->drain_tunnel(context_.drain_left());
    if (draining_ || phase_ == phase::closed) return;
    draining_ = true;
    if (phase_ == phase::idle) time_reading(reading::idle, grace);
}

}  // namespace pkernel::stream

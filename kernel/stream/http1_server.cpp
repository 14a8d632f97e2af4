// Reading: heads and bodies, and how long is waited for them. Writing is in http1_respond.cpp,
// what comes at the end in http1_ending.cpp.

#include "kernel/stream/http1_server.hpp"

#include "kernel/http/normalise.hpp"
#include "kernel/http/target.hpp"
#include "kernel/net/socket.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

http1_server::http1_server(context& c, connection_keeper& keeper, accepted_connection&& from)
    : client_connection(std::move(from.listener)),
      context_(c),
      keeper_(keeper),
      wire_(std::move(from.wire)),
      known_(from.known),
      peer_(from.peer),
      local_(from.local),
      account_(c.blocks.open_account(listener().conf->limits.memory)),
      in_(c.blocks),
      scratch_(c.blocks),
      read_timer_(&on_read_timer, this),
      write_timer_(&on_write_timer, this) {
    in_.charge_to(account_);
    scratch_.charge_to(account_);
}

http1_server::~http1_server() {
    context_.blocks.close_account(account_);
}

bool http1_server::start() {
    const int fd = wire_.fd();
    const bool early = !known_ && context_.early_requests.likely();
    if (early)
        context_.loop.add_late(fd, *this, late_);
    else if (!(known_ ? context_.loop.retarget(fd, *this) : context_.loop.add(fd, *this))) {
        close(false);
        return false;
    }
    // A client that says nothing at all is held to the time for a head.
    time_reading(reading::head, listener().conf->timeouts.head);
    if (early) begin_early();
    if (known_) on_io(net::io_readable | net::io_writable);
    return phase_ != phase::closed;
}

// Its request may have come with the connection. If that is all that the client has to say, the
// loop need not know of it until it takes long.
void http1_server::begin_early() {
    readable_ = true;
    proceed();
    context_.early_requests.was(phase_ != phase::idle);
    if (phase_ != phase::waiting || keep_) watch();
}

// From here on the client's word, or its room, is waited for. False: closed.
bool http1_server::watch() {
    if (late_.pending() && !context_.loop.add_now(late_)) on_io(net::io_broken);
    return phase_ != phase::closed;
}

void http1_server::on_io(std::uint32_t events) {
    if (phase_ == phase::closed) return;
    events = wire_.events(events);
    if (events & net::io_writable) writable_ = true;
    if (events & (net::io_readable | net::io_peer_closed)) readable_ = true;
    if (events & net::io_peer_closed) peer_closed_ = true;
    // Half-closed both ways looks like a hang-up, too: only an error is one.
    const bool broken = events & net::io_broken;
    if (broken && (phase_ != phase::tunnel || net::connect_error(wire_.fd()) != 0)) {
        if (stream_) end_stream({PK_END_CLIENT_ABORT, "client_reset"});
        return close(false);
    }
    const bool ends = phase_ == phase::tunnel && response_done_ && !fin_sent_;
    if ((!out_.empty() || splice_waits_ || ends) && writable_) context_.loop.defer(*this);
    if (phase_ == phase::lingering) return discard();
    if (events & net::io_peer_closed) watch_for_gone();
    if (readable_) proceed();
}

// Reads and uses what there is, until the socket is empty, the stream wants no more, or the request
// is complete.
void http1_server::proceed() {
    if (proceeding_) return;
    proceeding_ = true;
    for (;;) {
        if (phase_ == phase::idle || phase_ == phase::head) {
            if ((in_.empty() || need_more_) && !fill()) break;
            need_more_ = !take_head();
        } else if (phase_ == phase::body) {
            if (!stream_->wants_request()) break;
            if (splices_body()) {
                if (!pump_body()) break;
                continue;
            }
            if ((in_.empty() || need_more_) && !fill()) break;
            need_more_ = !take_body();
        } else if (phase_ == phase::past) {
            if ((in_.empty() || need_more_) && !fill()) break;
            need_more_ = !take_past();
        } else if (phase_ != phase::tunnel || !take_tunnel()) {
            break;
        }
    }
    proceeding_ = false;
    if (phase_ == phase::body || phase_ == phase::past || phase_ == phase::idle ||
        phase_ == phase::tunnel)
        in_.release_if_empty();
}

bool http1_server::make_room() {
    if ((phase_ == phase::body || phase_ == phase::past) && in_.empty()) {
        in_.renew(body_.long_yet());
        return true;
    }
    if (phase_ == phase::tunnel) {
        in_.renew(full_reads_ > 0);
        return true;
    }
    return in_.extend(listener().head_limits.head_max + 1);
}

bool http1_server::fill() {
    if (!readable_) return false;
    if (!make_room()) {
        stream_ ? refuse({431, "head_too_large"}) : linger();
        return false;
    }
    const auto r = wire_.fill(in_, readable_, peer_closed_);
    switch (r.status) {
        case net::io_status::done:
            window_in_ += r.bytes;
            return true;
        case net::io_status::would_block:
            return false;
        case net::io_status::end:
            peer_ended();
            return false;
        case net::io_status::failed:
            if (stream_) end_stream({PK_END_CLIENT_ABORT, "client_reset"});
            close(false);
            return false;
    }
    return false;
}

void http1_server::peer_ended() {
    if (phase_ == phase::tunnel) {
        fin_seen_ = true;
        return stream_->request_end();
    }
    if (stream_) end_stream({PK_END_CLIENT_ABORT, "client_closed"});
    close(false);
}

// False: more bytes are needed.
bool http1_server::take_head() {
    if (!stream_) {
        // Empty lines behind the last request begin none.
        const auto bytes = in_.view();
        if (bytes[0] == '\r' && std::string_view("\r\n\r\n").starts_with(bytes)) return false;
        stream_ = context_.new_stream();
        stream_->open(*this, newest_site(context_), listener());
        phase_ = phase::head;
        seen_ = 0;
        keep_ = true;
        request_whole_ = false;
    }
    std::size_t used = 0;
    http::parse_fault fault;
    const auto r =
        http::parse_request(in_.view(), seen_, listener().head_limits, stream_->head, &used, fault);
    if (r == http::parse_result::need_more) {
        stream_->head.headers.clear();
        if (in_.view().starts_with("HEAD ")) stream_->answers_head();
        seen_ = in_.size();
        if (timing_ != reading::head) time_reading(reading::head, listener().conf->timeouts.head);
        return false;
    }
    stream_->request.peer = peer_;
    stream_->request.local = local_;
    if (r == http::parse_result::bad) {
        refuse(fault);
        return true;
    }
    head_complete(used);
    return true;
}

void http1_server::head_complete(std::size_t used) {
    stream& s = *stream_;
    s.pin(base::block_ref::share(in_.owner()));
    in_.consume(used);
    timing_ = reading::none;
    ++requests_;
    http::parse_fault fault;
    http::framing framing;
    if (!http::make_request(s.head, accepted_by().secure, s.arena, s.request, fault) ||
        !http::request_framing(s.head, framing, fault))
        return refuse(fault);
    if (!account_->has_room(0)) return refuse({431, "connection_memory"});
    const auto most = listener().conf->limits.keepalive_requests;
    keep_ = framing.keep_alive && !context_.last_requests() && !draining_ &&
            (most == 0 || requests_ < most);
    const bool old = (s.request.flags & PK_REQUEST_HTTP10) != 0;
    if (old) s.head.headers.remove(PK_FIELD_EXPECT);  // RFC 9110 10.1.1: to be ignored.
    body_.begin(framing);
    const bool body = !body_.over();
    const bool expects = body && http::lists_token(s.head.headers, PK_FIELD_EXPECT, "100-continue");
    http::remove_connection_fields(s.head.headers);
    http::normalise_length(s.head.headers, framing, 200);
    continued_ = !expects;
    phase_ = body ? phase::body : phase::waiting;
    request_whole_ = !body;
    s.begin(expects);
    if (!body) return s.request_end();
    window_in_ = in_.size();
    time_reading(reading::body, stream_->body_stall());
}

// The head cannot be read: what follows on the connection cannot either.
void http1_server::refuse(const http::parse_fault& fault) {
    keep_ = false;
    phase_ = phase::waiting;
    timing_ = reading::none;
    readable_ = true;  // Whatever else comes is drained.
    const bool limit = fault.status == 431 || fault.status == 414 || fault.status == 413;
    stream_->refuse(fault, limit ? PK_END_LIMIT : PK_END_PROTOCOL);
}

// False: more bytes are needed.
bool http1_server::take_body() {
    using event = http::body_reader::event;
    http::parse_fault fault;
    auto& trailers = stream_->request_trailers;
    const auto step = body_.next(in_.view(), listener().head_limits, trailers, fault);
    base::slice data;
    if (step.what == event::data) data = in_.share(step.data);
    if (!trailers.empty()) stream_->pin(base::block_ref::share(in_.owner()));
    in_.consume(step.consumed);
    if (step.what == event::need_more) return false;
    if (step.what == event::bad) {
        keep_ = false;
        phase_ = phase::waiting;
        stream_->request_failed(fault.status, {PK_END_PROTOCOL, fault.cause});
        return true;
    }
    if (step.what == event::data) {
        continued_ = true;  // It does not wait for a 100.
        stream_->request_data(std::move(data));
    }
    if (body_.over()) body_complete();
    return true;
}

void http1_server::body_complete() {
    phase_ = phase::waiting;
    timing_ = reading::none;
    request_whole_ = true;
    stream_->request_end();
}

void http1_server::resume_request() {
    if (phase_ == phase::tunnel) return context_.loop.defer(*this);
    if (phase_ != phase::body) return;
    if (timing_ == reading::body) {
        window_in_ = 0;
        time_reading(reading::body, stream_->body_stall());
    }
    context_.loop.defer(*this);
}

// A FIN alone says only that no more is sent: a whole request is answered all the same (F09). But
// if the response is under way and nothing of it could be written for a while, nobody may be there
// to want the rest (F16).
void http1_server::watch_for_gone() {
    if (!peer_closed_ || !responding_ || phase_ != phase::waiting) return;
    gone_mark_ = written_;
    time_reading(reading::gone, gone_after);
}

void http1_server::time_reading(reading what, net::nanoseconds after) {
    timing_ = what;
    read_timer_.arm(context_.loop.timers(), context_.loop.now() + after);
}

void http1_server::on_read_timer(void* self) {
    static_cast<http1_server*>(self)->read_expired();
}

void http1_server::read_expired() {
    switch (timing_) {
        case reading::none:
            return;
        case reading::idle:
            return close(false);
        case reading::linger:
            return linger_expired();
        case reading::gone:
            // While bytes are on their way a client that is gone answers them with a reset.
            if (!stream_ || !out_.empty() || net::undelivered(wire_.fd()) > 0 ||
                written_ > gone_mark_)
                return watch_for_gone();
            end_stream({PK_END_CLIENT_ABORT, "client_closed"});
            return close(until_close_);  // If it is there after all, it sees the cut.
        case reading::head:
            if (!stream_) return close(false);  // It never said a word.
            keep_ = false;
            phase_ = phase::waiting;
            timing_ = reading::none;
            return stream_->request_failed(408, {PK_END_TIMEOUT, "request_head_timeout"});
        case reading::body: {
            const auto window = stream_->body_stall();
            const auto least = least_in(window);
            const bool ours = splice_.holds() || !stream_->wants_request();
            if (ours || window_in_ > least) {
                window_in_ = 0;
                return time_reading(reading::body, window);
            }
            keep_ = false;
            timing_ = reading::none;
            return stream_->request_failed(408, {PK_END_TIMEOUT, "request_body_stall"});
        }
    }
}

}  // namespace pkernel::stream

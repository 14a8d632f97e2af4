// What comes from the peer: frames are counted as they begin, heads and bodies handed on.

#include "plugin.hpp"

namespace http2 {

// Frame by frame, each as far as it is there.
void session::read(std::string_view bytes) {
    while (!bytes.empty() && !deaf_ && !gone_) {
        const auto piece = scanner_.next(bytes);
        if (piece.begins) frame_begins(scanner_.frame());
        if (deaf_) return;
        const ssize_t n = nghttp2_session_mem_recv(
            nghttp2_, reinterpret_cast<const std::uint8_t*>(bytes.data()), piece.bytes);
        if (n < 0) return broken(static_cast<int>(n));
        bytes.remove_prefix(piece.bytes);
    }
}

// Before anything of a frame is read. Floods end here.
void session::frame_begins(const nghttp2_frame_hd& frame) {
    const settings& conf = owner_.conf();
    const bool is_ack = (frame.flags & NGHTTP2_FLAG_ACK) != 0;
    const auto at_most = [this](allowance& a, const pk::rate_value& limit, std::string_view what) {
        if (!may(a, limit)) calm_down(what);
    };
    switch (frame.type) {
        case NGHTTP2_DATA:
            look_at_closed(frame);
            if (frame.length == 0 && (frame.flags & NGHTTP2_FLAG_END_STREAM) == 0)
                at_most(allowed_.empty_frames, conf.empty_frames, "empty frames");
            return;
        case NGHTTP2_HEADERS:
            look_at_closed(frame);
            block_bytes_ = continuations_ = 0;
            return head_bytes(frame.length);
        case NGHTTP2_CONTINUATION:
            if (++continuations_ > conf.continuations) return calm_down("CONTINUATION frames");
            return head_bytes(frame.length);
        case NGHTTP2_RST_STREAM:
            return at_most(allowed_.client_resets, conf.client_resets, "resets");
        case NGHTTP2_SETTINGS:
            if (!is_ack) at_most(allowed_.settings_frames, conf.settings_frames, "SETTINGS frames");
            return;
        case NGHTTP2_PING:
            if (!is_ack) at_most(allowed_.pings, conf.pings, "PING frames");
            return;
        case NGHTTP2_WINDOW_UPDATE:
            if (!may_update_window()) calm_down("WINDOW_UPDATE frames");
            return;
        case NGHTTP2_GOAWAY:
            return;
        case NGHTTP2_PRIORITY:
        case NGHTTP2_PRIORITY_UPDATE:
            look_at_priority(frame);
            return at_most(allowed_.priority_frames, conf.priority_frames, "PRIORITY frames");
        default:
            return at_most(allowed_.unknown_frames, conf.unknown_frames, "frames of unknown types");
    }
}

// What is larger compressed than it may be is not decoded to find out.
void session::head_bytes(std::uint64_t more) {
    block_bytes_ += more;
    if (block_bytes_ > link_.limits().head_bytes) calm_down("bytes of a head");
}

// What nghttp2 takes for nothing is an error still: RFC 9113 6.3, 7540 5.3.1, 9218 7.1.
void session::look_at_priority(const nghttp2_frame_hd& frame) {
    if (frame.type == NGHTTP2_PRIORITY_UPDATE) {
        if (frame.length >= 4 && scanner_.depends_on() == 0)
            give_up(NGHTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE of stream 0");
        return;
    }
    if (frame.stream_id == 0) return give_up(NGHTTP2_PROTOCOL_ERROR, "PRIORITY of stream 0");
    if (frame.length == 5 && scanner_.depends_on() == frame.stream_id)
        give_up(NGHTTP2_PROTOCOL_ERROR, "a stream that depends on itself");
}

// A head or data on a stream that is over: nghttp2 would skip it (RFC 9113 5.1, 5.1.1).
void session::look_at_closed(const nghttp2_frame_hd& frame) {
    const std::int32_t id = frame.stream_id;
    if (id <= 0 || nghttp2_session_find_stream(nghttp2_, id) != nullptr) return;
    if (frame.type == NGHTTP2_DATA) {
        if (closed_.data_on(id) == closed_streams::verdict::stream_closed)
            reset_stream(id, NGHTTP2_STREAM_CLOSED);
        return;
    }
    switch (closed_.head_on(id)) {
        case closed_streams::verdict::fine:
            return;
        case closed_streams::verdict::stream_closed:
            return give_up(NGHTTP2_STREAM_CLOSED, "a head on a stream that was over");
        case closed_streams::verdict::never_opened:
            return give_up(NGHTTP2_PROTOCOL_ERROR, "a stream below one that was opened");
    }
}

// A client answers what it was sent; each request may change its own window once or twice.
bool session::may_update_window() noexcept {
    constexpr std::uint64_t at_the_beginning = 100, of_a_request = 2;
    return ++window_updates_ <= at_the_beginning + of_a_request * requests_ +
                                    owner_.conf().window_updates * data_frames_;
}

int session::on_begin_headers(const nghttp2_frame& frame) {
    head_.clear();
    if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    closed_.opened(frame.hd.stream_id);
    const pk_codec_limits& limits = link_.limits();
    if (++requests_ >= limits.streams_total) start_drain();
    if (streams_.size() < limits.streams) return 0;
    link_.glitch();
    reset_stream(frame.hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int session::on_header(nghttp2_rcbuf* name, nghttp2_rcbuf* value) {
    head_.add(name, value, link_.limits());
    return 0;
}

int session::on_data_chunk(std::int32_t id, std::string_view bytes) {
    stream* s = find(id);
    pk_status answer = PK_WRONG_STATE;
    if (s != nullptr && s->kernel)
        answer = s->kernel.body({bytes.data(), bytes.size(), slice_->block});
    if (answer == PK_OK) return 0;
    nghttp2_session_consume(nghttp2_, id, bytes.size());
    if (answer == PK_WRONG_STATE) return 0;
    s->kernel.abort(PK_END_PROTOCOL);
    s->over = true;
    reset_stream(id, NGHTTP2_FLOW_CONTROL_ERROR);
    return 0;
}

int session::on_frame_recv(const nghttp2_frame& frame) {
    const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame.hd.type) {
        case NGHTTP2_HEADERS:
            return frame.headers.cat == NGHTTP2_HCAT_REQUEST ? head_complete(frame)
                                                             : trailers_complete(frame);
        case NGHTTP2_DATA:
            // Padding alone is as empty; where frames begin only their lengths are known.
            if (!ends && frame.hd.length > 0 && frame.hd.length == frame.data.padlen &&
                !may(allowed_.empty_frames, owner_.conf().empty_frames))
                calm_down("empty frames");
            if (stream* s = ends ? find(frame.hd.stream_id) : nullptr)
                request_ended(*s, {nullptr, 0, sizeof(pk_field)});
            return 0;
        case NGHTTP2_RST_STREAM:
            if (stream* s = find(frame.hd.stream_id)) s->reset_by_peer = true;
            return 0;
        case NGHTTP2_PING:
            if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) finish_drain();
            return 0;
        default:
            return 0;
    }
}

int session::head_complete(const nghttp2_frame& frame) {
    const std::int32_t id = frame.hd.stream_id;
    const request_head::fault fault = head_.finish();
    pk::codec_stream made;
    const pk_status answer = make_stream(fault, made);
    if (!made) {
        const bool refused = answer == PK_NO_MEMORY;
        if (!refused) link_.glitch();
        reset_stream(id, refused ? NGHTTP2_REFUSED_STREAM : NGHTTP2_PROTOCOL_ERROR);
        head_.clear();
        return 0;
    }
    stream& own = streams_.add(id, made);
    made.state<stream_state>().own = &own;
    own.is_head = pk::view(head_.head().method) == "HEAD";
    nghttp2_session_set_stream_user_data(nghttp2_, id, &own);
    head_.clear();
    if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        request_ended(own, {nullptr, 0, sizeof(pk_field)});
    return 0;
}

pk_status session::make_stream(request_head::fault fault, pk::codec_stream& made) {
    const pk_codec_head& head = head_.head();
    switch (fault) {
        case request_head::fault::malformed:
            link_.malformed(head);
            return PK_INVALID;
        case request_head::fault::target_too_long:
            return link_.reject(head, 414, made);
        case request_head::fault::too_large:
            return link_.reject(head, 431, made);
        default:
            break;
    }
    // Nothing here opens a tunnel to where a client likes.
    if (head_.is_connect()) return link_.reject(head, 405, made);
    return link_.stream(head, made);
}

void session::request_ended(stream& s, const pk_field_view& trailers) {
    s.request_ended = true;
    if (s.kernel) s.kernel.end(trailers);
}

int session::trailers_complete(const nghttp2_frame& frame) {
    stream* s = find(frame.hd.stream_id);
    const request_head::fault fault = head_.finish();
    if (s != nullptr && fault == request_head::fault::none) {
        request_ended(*s, head_.trailers());
    } else if (s != nullptr) {
        if (s->kernel) s->kernel.abort(PK_END_PROTOCOL);
        s->over = true;
        link_.glitch();
        reset_stream(s->id, NGHTTP2_PROTOCOL_ERROR);
    }
    head_.clear();
    return 0;
}

// What nghttp2 answers counts as a reset of ours. A request that is malformed before it was one is
// told of as far as it was read.
int session::on_invalid_frame(const nghttp2_frame& frame, int error) {
    const bool is_head = error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING;
    if (is_head && frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST &&
        find(frame.hd.stream_id) == nullptr) {
        head_.finish();
        link_.malformed(head_.head());
    }
    head_.clear();
    link_.glitch();
    return 0;
}

int session::on_stream_close(std::int32_t id) {
    stream* s = find(id);
    if (s == nullptr) return 0;
    s->open = false;
    const bool whole = s->request_ended && s->end_sent;
    if (s->reset_by_peer || s->request_ended) closed_.ended_by_peer(id);
    if (s->kernel && !whole && !s->over)
        s->kernel.abort(s->reset_by_peer ? PK_END_CLIENT_ABORT : PK_END_PROTOCOL);
    streams_.release(*s);
    return 0;
}

// nghttp2 cannot go on with what the peer sends.
void session::broken(int error) {
    if (deaf_) return;
    deaf_ = true;
    if (why_.size() == 0) why_ << nghttp2_strerror(error);
    const bool flood = error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    nghttp2_session_terminate_session(nghttp2_,
                                      flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

// The peer does too much of something: what it has sent is not read any more.
void session::calm_down(std::string_view what) {
    if (deaf_) return;
    owner_.count_calmed();
    give_up(NGHTTP2_ENHANCE_YOUR_CALM, "too many ");
    why_ << what;
}

// The connection ends with this code, and nothing more is read.
void session::give_up(std::uint32_t code, std::string_view why) {
    if (deaf_) return;
    deaf_ = true;
    why_.clear();
    why_ << why;
    nghttp2_session_terminate_session(nghttp2_, code);
}

}  // namespace http2

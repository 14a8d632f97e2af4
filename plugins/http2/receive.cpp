// What comes from the peer: frames are counted as they begin, heads and bodies handed on.

#include "plugin.hpp"

namespace http2 {

namespace {

constexpr int stop = NGHTTP2_ERR_CALLBACK_FAILURE;

}  // namespace

// Before anything of a frame is read. Floods end here.
int session::on_begin_frame(const nghttp2_frame_hd& frame) {
    const settings& conf = owner_.conf();
    const bool is_ack = (frame.flags & NGHTTP2_FLAG_ACK) != 0;
    switch (frame.type) {
        case NGHTTP2_DATA:
            if (frame.length != 0 || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return 0;
            return may(allowed_.empty_frames, conf.empty_frames) ? 0 : calm_down("empty frames");
        case NGHTTP2_HEADERS:
            block_bytes_ = frame.length;
            continuations_ = 0;
            break;
        case NGHTTP2_CONTINUATION:
            block_bytes_ += frame.length;
            if (++continuations_ > conf.continuations) return calm_down("CONTINUATION frames");
            break;
        case NGHTTP2_RST_STREAM:
            return may(allowed_.client_resets, conf.client_resets) ? 0 : calm_down("resets");
        case NGHTTP2_SETTINGS:
            if (is_ack || may(allowed_.settings_frames, conf.settings_frames)) return 0;
            return calm_down("SETTINGS frames");
        case NGHTTP2_PING:
            return is_ack || may(allowed_.pings, conf.pings) ? 0 : calm_down("PING frames");
        case NGHTTP2_WINDOW_UPDATE:
        case NGHTTP2_GOAWAY:
            return 0;
        default:
            return may(allowed_.priority_frames, conf.priority_frames)
                       ? 0
                       : calm_down("PRIORITY frames");
    }
    // What is larger compressed than it may be is not decoded to find out.
    if (block_bytes_ > link_.limits().head_bytes) return calm_down("bytes of a head");
    return 0;
}

int session::on_begin_headers(const nghttp2_frame& frame) {
    head_.clear();
    if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
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

// A request that was malformed before it was one; what nghttp2 answers counts as a reset of ours.
int session::on_invalid_frame(const nghttp2_frame&) {
    head_.clear();
    link_.glitch();
    return 0;
}

int session::on_stream_close(std::int32_t id) {
    stream* s = find(id);
    if (s == nullptr) return 0;
    s->open = false;
    const bool whole = s->request_ended && s->end_sent;
    if (s->kernel && !whole && !s->over)
        s->kernel.abort(s->reset_by_peer ? PK_END_CLIENT_ABORT : PK_END_PROTOCOL);
    streams_.release(*s);
    return 0;
}

void session::on_error(std::string_view text) noexcept {
    why_.clear();
    why_ << text.substr(0, 120);
}

// nghttp2 cannot go on with what the peer sends.
void session::broken(int error) {
    if (deaf_) return;
    deaf_ = true;
    if (why_.size() == 0) on_error(nghttp2_strerror(error));
    const bool flood = error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    nghttp2_session_terminate_session(nghttp2_,
                                      flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

// The peer does too much of something: what it has sent is not read any more.
int session::calm_down(std::string_view what) {
    if (deaf_) return stop;
    deaf_ = true;
    why_.clear();
    why_ << "too many " << what;
    owner_.count_calmed();
    nghttp2_session_terminate_session(nghttp2_, NGHTTP2_ENHANCE_YOUR_CALM);
    return stop;
}

}  // namespace http2

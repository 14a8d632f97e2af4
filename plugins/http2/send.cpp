// What goes to the peer: heads as they are recorded, bodies when nghttp2 has their turn.

#include <algorithm>
#include <stdexcept>

#include "plugin.hpp"

namespace http2 {

namespace {

// The kernel's limit for a response is 200, and what filters add.
constexpr std::size_t fields_max = 512;

// A response of which it is known that no body comes: its head is its end.
bool has_no_body(const stream& s, std::uint32_t status, pk::field_list fields) noexcept {
    if (s.is_head || status == 204 || status == 304) return true;
    for (pk::field f : fields)
        if (f.id == PK_FIELD_CONTENT_LENGTH) return f.value == "0";
    return false;
}

ssize_t read_data(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t room,
                  std::uint32_t* flags, nghttp2_data_source* source, void* self) {
    return static_cast<session*>(self)->on_read_data(*static_cast<stream*>(source->ptr), room,
                                                     *flags);
}

}  // namespace

void session::respond(stream_state& state, std::uint32_t status, pk::field_list fields) {
    stream& s = *state.own;
    if (!s.open || s.over || deaf_) return;
    const bool tunnel = status == 101;  // Of an extended CONNECT, which is granted by a 200.
    pk::fixed_text<10> digits;
    digits << (tunnel ? 200u : status);
    nghttp2_nv all[fields_max];
    std::size_t count = 0;
    all[count++] = pair_of(":status", digits);
    for (pk::field f : fields)
        if (count < fields_max) all[count++] = pair_of(f.name, f.value);
    if (fields.size() >= fields_max) throw std::length_error("a response with too many fields");

    int rv = 0;
    if (status < 200 && !tunnel) {
        rv =
            nghttp2_submit_headers(nghttp2_, NGHTTP2_FLAG_NONE, s.id, nullptr, all, count, nullptr);
    } else if (!tunnel && has_no_body(s, status, fields)) {
        rv = nghttp2_submit_response(nghttp2_, s.id, all, count, nullptr);
    } else {
        nghttp2_data_provider body{};
        body.source.ptr = &s;
        body.read_callback = read_data;
        rv = nghttp2_submit_response(nghttp2_, s.id, all, count, &body);
    }
    if (rv == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
}

// The next DATA frame of a stream whose turn it is: how much, and whether it is the last. The bytes
// stay with the kernel.
ssize_t session::on_read_data(stream& s, std::size_t room, std::uint32_t& flags) {
    const std::size_t n = std::min<std::size_t>(room, s.waits);
    const bool last = s.ended && n == s.waits;
    if (n == 0 && !last) {
        s.deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n != 0) flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!last) return static_cast<ssize_t>(n);
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s.trailers) {
        flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(nghttp2_, s.id, s.trailers->list.data(), s.trailers->list.size());
    }
    return static_cast<ssize_t>(n);
}

int session::on_send_data(stream& s, std::string_view frame_head, std::size_t length) {
    // The kernel has reset it since; nghttp2 then has a RST_STREAM of ours and adds none.
    if (!s.kernel || s.over) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (on_send(frame_head) < 0) return NGHTTP2_ERR_WOULDBLOCK;
    if (s.kernel.send_body(length) != PK_OK) return NGHTTP2_ERR_CALLBACK_FAILURE;
    ++data_frames_;
    s.waits -= length;
    return 0;
}

ssize_t session::on_send(std::string_view frame) {
    if (!blocked_ && link_.send(frame)) return static_cast<ssize_t>(frame.size());
    blocked_ = true;
    return NGHTTP2_ERR_WOULDBLOCK;
}

// Where we did not say why, nghttp2 did, or its code does.
void session::said_goodbye(const nghttp2_goaway& frame) noexcept {
    goodbye_ = frame.error_code;
    if (why_.size() != 0 || goodbye_ == NGHTTP2_NO_ERROR) return;
    const std::string_view said(reinterpret_cast<const char*>(frame.opaque_data),
                                frame.opaque_data_len);
    why_ << said.substr(0, 120);
    if (why_.size() == 0) why_ << nghttp2_http2_strerror(goodbye_);
}

int session::on_frame_send(const nghttp2_frame& frame) {
    if (frame.hd.type == NGHTTP2_GOAWAY) return said_goodbye(frame.goaway), 0;
    const bool reset = frame.hd.type == NGHTTP2_RST_STREAM;
    const bool ends = (frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS) &&
                      (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!reset && !ends) return 0;
    if (reset) closed_.reset_by_us(frame.hd.stream_id);
    stream* s = find(frame.hd.stream_id);
    if (ends && s != nullptr) {
        s->end_sent = true;
        if (s->reset_at_end) reset_stream(s->id, NGHTTP2_NO_ERROR);
    }
    // MadeYouReset: what costs us a request and a reset counts, whoever sends the frame.
    if (reset && (s == nullptr || !s->blameless) &&
        !may(allowed_.server_resets, owner_.conf().server_resets))
        calm_down("stream errors");
    return 0;
}

}  // namespace http2

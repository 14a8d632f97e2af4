// A connection: nghttp2's session between the peer's bytes and the kernel's streams. [worker]
//
// Three files: session.cpp has the kernel's hooks, receive.cpp what comes from the peer, send.cpp
// what goes to it. Hooks record; nghttp2 writes frames in write() alone, in the order of RFC 9218
// urgency, as far as the peer's windows and the kernel's output allow.

#pragma once

#include <nghttp2/nghttp2.h>
#include <pkernel/codec.hpp>

#include "closed.hpp"
#include "frame_scanner.hpp"
#include "head.hpp"
#include "limits.hpp"
#include "settings.hpp"
#include "streams.hpp"

namespace http2 {

class plugin;

class session {
public:
    struct stream_state {
        stream* own = nullptr;
    };

    session(const plugin& owner, pk::codec_link link);
    ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    // The kernel's hooks (codec.h).
    std::uint64_t received(pk::data bytes);
    void received_end();
    void write();
    void timer();
    void drain();
    void close(std::uint32_t cause);
    void conn_credit(std::uint64_t bytes);
    void respond(stream_state& s, std::uint32_t status, pk::field_list fields);
    void available(stream_state& s, std::uint64_t bytes, std::uint32_t flags);
    void end(stream_state& s, pk::field_list trailers);
    void reset(stream_state& s, std::uint32_t cause);
    void credit(stream_state& s, std::uint64_t bytes);
    void stream_closed(stream_state& s);

    // nghttp2's callbacks, under the names it has for them; they answer what it expects.
    int on_begin_headers(const nghttp2_frame& frame);
    int on_header(nghttp2_rcbuf* name, nghttp2_rcbuf* value);
    int on_data_chunk(std::int32_t id, std::string_view bytes);
    int on_frame_recv(const nghttp2_frame& frame);
    int on_invalid_frame(const nghttp2_frame& frame, int error);
    int on_stream_close(std::int32_t id);
    ssize_t on_send(std::string_view frame);
    ssize_t on_read_data(stream& s, std::size_t room, std::uint32_t& flags);
    int on_send_data(stream& s, std::string_view frame_head, std::size_t length);
    int on_frame_send(const nghttp2_frame& frame);

private:
    void said_goodbye(const nghttp2_goaway& frame) noexcept;
    void send_preface();
    void read(std::string_view bytes);
    void frame_begins(const nghttp2_frame_hd& frame);
    stream* find(std::int32_t id) const noexcept;
    int head_complete(const nghttp2_frame& frame);
    pk_status make_stream(request_head::fault fault, pk::codec_stream& made);
    void request_ended(stream& s, const pk_field_view& trailers);
    int trailers_complete(const nghttp2_frame& frame);
    void resume_body(stream& s);
    void reset_stream(std::int32_t id, std::uint32_t code);
    void start_drain();
    void finish_drain();
    void broken(int error);
    void calm_down(std::string_view what);
    void give_up(std::uint32_t code, std::string_view why);
    void head_bytes(std::uint64_t more);
    void look_at_priority(const nghttp2_frame_hd& frame);
    void look_at_closed(const nghttp2_frame_hd& frame);
    bool may(allowance& a, const pk::rate_value& limit) noexcept;
    bool may_update_window() noexcept;

    const plugin& owner_;
    const pk::codec_link link_;
    nghttp2_session* nghttp2_ = nullptr;
    frame_scanner scanner_;
    stream_table streams_;
    closed_streams closed_;
    request_head head_;
    const pk_slice* slice_ = nullptr;  // Of received(), while nghttp2 reads it.
    std::uint64_t requests_ = 0;
    std::uint64_t block_bytes_ = 0;  // Of the head that is arriving, compressed.
    std::uint32_t continuations_ = 0;
    std::uint64_t window_updates_ = 0;  // Got.
    std::uint64_t data_frames_ = 0;     // Sent.
    allowances allowed_;
    bool deaf_ = false;     // Nothing more is read: a goodbye is on its way.
    bool blocked_ = false;  // The output took no more.
    bool gone_ = false;     // The kernel was told that we are finished.
    enum class drain_step : std::uint8_t { none, noticed, last } drain_ = drain_step::none;
    std::uint32_t goodbye_ = NGHTTP2_NO_ERROR;  // The code of the GOAWAY that was sent.
    pk::fixed_text<120> why_;                   // Of it, for the log; never a field's value.
};

}  // namespace http2

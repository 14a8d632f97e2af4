#include "session.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

#include "codes.hpp"
#include "plugin.hpp"

namespace http2 {

namespace {

// The round trip after which a client has seen that we drain, if it does not answer our PING.
constexpr std::uint64_t drain_notice_ns = 1'000'000'000;
constexpr std::uint8_t drain_ping[8] = {'p', 'k', '-', 'd', 'r', 'a', 'i', 'n'};

// Of bytes, as far as the protocol can say it.
std::uint32_t window(std::uint64_t credit) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(credit, 0x7fffffff));
}

// nghttp2 closes the connection of a client that opens one stream too many, RFC 9113 5.1.2 wants a
// stream error. So nghttp2 is told of more than the client is, and we refuse what is between.
constexpr std::uint32_t streams_beyond_limit = 1 << 20;

void tell_stream_limit(std::string& settings_frame, std::uint32_t streams) {
    constexpr std::size_t frame_head = 9, entry = 6;
    for (std::size_t at = frame_head; at + entry <= settings_frame.size(); at += entry) {
        if (settings_frame[at + 1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
        for (std::size_t i = 0; i < 4; ++i)
            settings_frame[at + 2 + i] = static_cast<char>(streams >> (24 - 8 * i));
    }
}

}  // namespace

session::session(const plugin& owner, pk::codec_link link) : owner_(owner), link_(link) {
    if (nghttp2_session_server_new2(&nghttp2_, owner.callbacks(), this, owner.option()) != 0)
        throw std::bad_alloc();
    send_preface();
}

session::~session() {
    nghttp2_session_del(nghttp2_);
}

void session::send_preface() {
    const settings& conf = owner_.conf();
    const pk_codec_limits& limits = link_.limits();
    nghttp2_settings_entry all[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams + streams_beyond_limit},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window(limits.stream_window)},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head_bytes)},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, conf.header_table},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, conf.frame},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    const std::size_t count = std::size(all) - (conf.extended_connect ? 0 : 1);
    if (nghttp2_submit_settings(nghttp2_, NGHTTP2_FLAG_NONE, all, count) != 0)
        throw std::bad_alloc();
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(nghttp2_, &frame);
    if (size <= 0) throw std::bad_alloc();
    std::string preface(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size));
    tell_stream_limit(preface, limits.streams);
    // The output of a new connection is empty.
    if (!link_.send(preface)) throw std::runtime_error("the preface was not taken");
    nghttp2_session_set_local_window_size(nghttp2_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<std::int32_t>(window(limits.conn_window)));
}

std::uint64_t session::received(pk::data bytes) {
    std::uint64_t taken = 0;
    for (auto at = bytes.begin(); at != bytes.end(); ++at) {
        const pk_slice& slice = at.slice();
        taken += slice.size;
        if (deaf_ || gone_) continue;
        slice_ = &slice;
        read({slice.data, slice.size});
        slice_ = nullptr;
    }
    return taken;
}

// What a client that is gone had not finished asking for is over; answers may still reach it.
void session::received_end() {
    for (const auto& s : streams_) {
        if (s->request_ended || !s->kernel) continue;
        s->kernel.abort(PK_END_CLIENT_ABORT);
        s->over = s->blameless = true;
        reset_stream(s->id, NGHTTP2_CANCEL);
    }
    start_drain();
    finish_drain();
}

void session::write() {
    if (gone_) return;
    blocked_ = false;
    const int rv = nghttp2_session_send(nghttp2_);
    const bool goes_on = nghttp2_session_want_read(nghttp2_) != 0;
    if (rv == 0 && (blocked_ || goes_on || nghttp2_session_want_write(nghttp2_) != 0)) return;
    gone_ = true;
    if (rv != 0) return link_.close(PK_END_PLUGIN_ERROR, nghttp2_strerror(rv));
    link_.close(cause_of(goodbye_), why_.size() != 0 ? why_.view() : "drained");
}

void session::timer() {
    finish_drain();
}

void session::drain() {
    start_drain();
}

// RFC 9113 6.8: first "no more, please", which refuses nothing, and a round trip later the last
// stream that is served: so no request is lost that was on its way.
void session::start_drain() {
    if (drain_ != drain_step::none || deaf_) return;
    drain_ = drain_step::noticed;
    nghttp2_submit_shutdown_notice(nghttp2_);
    nghttp2_submit_ping(nghttp2_, NGHTTP2_FLAG_NONE, drain_ping);
    link_.timer(drain_notice_ns);
}

void session::finish_drain() {
    if (drain_ != drain_step::noticed || deaf_) return;
    drain_ = drain_step::last;
    link_.timer(0);
    nghttp2_submit_goaway(nghttp2_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(nghttp2_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
}

void session::close(std::uint32_t cause) {
    deaf_ = true;
    nghttp2_session_terminate_session(nghttp2_, connection_code(cause));
}

void session::conn_credit(std::uint64_t bytes) {
    if (!deaf_) nghttp2_session_consume_connection(nghttp2_, bytes);
}

void session::available(stream_state& s, std::uint64_t bytes, std::uint32_t) {
    s.own->waits = bytes;
    resume_body(*s.own);
}

void session::end(stream_state& s, pk::field_list trailers) {
    s.own->ended = true;
    if (trailers.size() != 0) s.own->trailers = keep(trailers);
    resume_body(*s.own);
}

void session::resume_body(stream& s) {
    if (!s.deferred || !s.open) return;
    s.deferred = false;
    nghttp2_session_resume_data(nghttp2_, s.id);
}

void session::reset(stream_state& s, std::uint32_t cause) {
    stream& own = *s.own;
    own.over = true;
    own.blameless = cause != PK_END_PROTOCOL && cause != PK_END_LIMIT;
    if (!own.open) return;
    if (cause == PK_END_COMPLETE && !own.end_sent)
        own.reset_at_end = true;
    else
        reset_stream(own.id, stream_code(cause));
}

void session::credit(stream_state& s, std::uint64_t bytes) {
    if (s.own->open && !deaf_) nghttp2_session_consume_stream(nghttp2_, s.own->id, bytes);
}

void session::stream_closed(stream_state& s) {
    if (s.own == nullptr) return;
    s.own->kernel = {};
    streams_.release(*s.own);
}

stream* session::find(std::int32_t id) const noexcept {
    return static_cast<stream*>(nghttp2_session_get_stream_user_data(nghttp2_, id));
}

void session::reset_stream(std::int32_t id, std::uint32_t code) {
    nghttp2_submit_rst_stream(nghttp2_, NGHTTP2_FLAG_NONE, id, code);
}

bool session::may(allowance& a, const pk::rate_value& limit) noexcept {
    return a.take(limit, owner_.now());
}

}  // namespace http2

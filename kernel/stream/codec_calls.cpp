// The functions of pk_codec_api: they record, the server acts when the hook has returned.

#include "kernel/stream/codec_server.hpp"

namespace pkernel::stream {

namespace {

codec_server& server_of(pk_codec_conn* c) noexcept {
    return codec_server::of(c);
}

const pk_codec_limits* limits(pk_codec_conn* c) {
    return &server_of(c).limits();
}

pk_status stream_call(pk_codec_conn* c, const pk_codec_head* head, pk_codec_stream** s) {
    return server_of(c).open_stream(*head, nullptr, s);
}

pk_status reject(pk_codec_conn* c, const pk_codec_head* head, std::uint32_t status,
                 pk_codec_stream** s) {
    http::parse_fault why{400, "bad_request_line"};
    if (status == 431) why = {431, "head_too_large"};
    if (status == 414) why = {414, "request_line_too_long"};
    if (status == 405) why = {405, "method_not_allowed"};
    return server_of(c).open_stream(*head, &why, s);
}

pk_status body(pk_codec_stream* s, const pk_slice* bytes, std::uint32_t) {
    return codec_stream::of(s).take_body(*bytes);
}

pk_status end(pk_codec_stream* s, pk_field_view trailers) {
    return codec_stream::of(s).take_end(trailers);
}

void abort(pk_codec_stream* s, std::uint32_t cause) {
    codec_stream::of(s).take_abort(cause);
}

pk_status send(pk_codec_conn* c, pk_str bytes) {
    return server_of(c).send(http::to_view(bytes));
}

pk_status send_body(pk_codec_stream* s, std::uint64_t n) {
    auto& of = codec_stream::of(s);
    return of.move_body(of.server().output(), n);
}

void resume(pk_codec_conn* c) {
    server_of(c).resume();
    server_of(c).schedule();
}

void timer(pk_codec_conn* c, std::uint64_t ns) {
    server_of(c).set_timer(ns);
}

void glitch(pk_codec_conn* c, std::uint32_t points) {
    server_of(c).glitch(points);
}

void close(pk_codec_conn* c, std::uint32_t cause, pk_str text) {
    server_of(c).close_after_output(cause, http::to_view(text));
}

constexpr pk_codec_api calls{
    sizeof(pk_codec_api), 0,       &limits, &stream_call, &reject, &body, &end, &abort, &send,
    &send_body,           &resume, &timer,  &glitch,      &close};

}  // namespace

const pk_codec_api* codec_server::table() noexcept {
    return &calls;
}

}  // namespace pkernel::stream

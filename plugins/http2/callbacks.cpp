// nghttp2's C callbacks, each a step to the session that it names. An exception must not pass
// through nghttp2: it ends the connection.

#include "plugin.hpp"

namespace http2 {

namespace {

std::string_view text(const std::uint8_t* data, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(data), size};
}

template <class F>
auto contained(void* self, F f) noexcept -> decltype(f(*static_cast<session*>(self))) {
    try {
        return f(*static_cast<session*>(self));
    } catch (...) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
}

int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    return contained(self, [=](session& s) { return s.on_begin_headers(*frame); });
}

int header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
           std::uint8_t, void* self) {
    return contained(self, [=](session& s) { return s.on_header(name, value); });
}

// Left alone, nghttp2 would drop the field and let the request go on.
int invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*,
                   std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
               std::size_t size, void* self) {
    return contained(self, [=](session& s) { return s.on_data_chunk(id, text(data, size)); });
}

int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    return contained(self, [=](session& s) { return s.on_frame_recv(*frame); });
}

int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* self) {
    return contained(self, [=](session& s) { return s.on_invalid_frame(*frame, error); });
}

int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
    return contained(self, [=](session& s) { return s.on_stream_close(id); });
}

ssize_t send(nghttp2_session*, const std::uint8_t* data, std::size_t size, int, void* self) {
    return contained(self, [=](session& s) { return s.on_send(text(data, size)); });
}

int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
              nghttp2_data_source* source, void* self) {
    constexpr std::size_t frame_head = 9;
    static_cast<void>(frame);  // Without padding: nobody asks for it.
    return contained(self, [=](session& s) {
        return s.on_send_data(*static_cast<stream*>(source->ptr), text(head, frame_head), size);
    });
}

int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    return contained(self, [=](session& s) { return s.on_frame_send(*frame); });
}

}  // namespace

void set_callbacks(nghttp2_session_callbacks& all) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(&all, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(&all, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(&all, invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(&all, data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(&all, frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(&all, invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(&all, stream_close);
    nghttp2_session_callbacks_set_send_callback(&all, send);
    nghttp2_session_callbacks_set_send_data_callback(&all, send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(&all, frame_send);
}

}  // namespace http2

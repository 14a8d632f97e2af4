#include "h2_client.hpp"

#include <algorithm>

namespace h2 {

namespace {

std::vector<nghttp2_nv> pairs(const pk::testing::field_pairs& fields) {
    std::vector<nghttp2_nv> all;
    const auto bytes = [](const std::string& text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    for (const auto& [name, value] : fields)
        all.push_back({bytes(name), bytes(value), name.size(), value.size(), 0});
    return all;
}

}  // namespace

struct client_callbacks {
    static client& of(void* self) { return *static_cast<client*>(self); }

    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* self) {
        response& r = of(self).responses_[frame->hd.stream_id];
        const std::string key(reinterpret_cast<const char*>(name), name_size);
        const std::string text(reinterpret_cast<const char*>(value), value_size);
        if (key == ":status" && text[0] == '1') {
            r.informational.push_back(text);
        } else if (key == ":status") {
            r.status = text;
        } else if (r.fields_done) {
            r.trailers.emplace_back(key, text);
        } else {
            r.fields.emplace_back(key, text);
        }
        return 0;
    }

    static int chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* self) {
        of(self).responses_[id].body.append(reinterpret_cast<const char*>(data), size);
        return 0;
    }

    static int received(nghttp2_session*, const nghttp2_frame* frame, void* self) {
        client& c = of(self);
        if (frame->hd.type == NGHTTP2_GOAWAY) {
            c.goaway = frame->goaway.error_code;
            c.goaway_last = frame->goaway.last_stream_id;
        }
        if (frame->hd.stream_id == 0) return 0;
        response& r = c.responses_[frame->hd.stream_id];
        if (frame->hd.type == NGHTTP2_HEADERS && !r.status.empty()) r.fields_done = true;
        if (frame->hd.type == NGHTTP2_RST_STREAM) r.reset = frame->rst_stream.error_code;
        if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            r.complete = true;
        return 0;
    }

    static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* to,
                        std::size_t room, std::uint32_t* flags, nghttp2_data_source*, void* self) {
        auto& body = of(self).bodies_[id];
        const std::size_t n = std::min(room, body.bytes.size());
        std::copy_n(body.bytes.data(), n, to);
        body.bytes.erase(0, n);
        if (body.bytes.empty() && body.ends) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (!body.trailers.empty()) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                const auto all = pairs(body.trailers);
                nghttp2_submit_trailer(session, id, all.data(), all.size());
            }
        } else if (n == 0) {
            return NGHTTP2_ERR_DEFERRED;
        }
        return static_cast<ssize_t>(n);
    }
};

client::client(pk::testing::codec_under_test& codec, std::vector<nghttp2_settings_entry> settings)
    : codec_(codec) {
    nghttp2_session_callbacks* all = nullptr;
    nghttp2_session_callbacks_new(&all);
    nghttp2_session_callbacks_set_on_header_callback(all, client_callbacks::header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, client_callbacks::chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, client_callbacks::received);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_session_client_new2(&session_, all, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(all);
    nghttp2_submit_settings(session_, 0, settings.data(), settings.size());
    codec_.connect();
}

client::~client() {
    nghttp2_session_del(session_);
}

std::int32_t client::request(const pk::testing::field_pairs& fields, std::string body, bool ends,
                             const pk::testing::field_pairs& trailers) {
    const auto all = pairs(fields);
    nghttp2_data_provider provider{};
    provider.read_callback = client_callbacks::read;
    const bool bodiless = body.empty() && ends && trailers.empty();
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, all.data(), all.size(),
                                                   bodiless ? nullptr : &provider, nullptr);
    bodies_[id] = {std::move(body), ends, trailers};
    return id;
}

void client::more(std::int32_t id, std::string body, bool ends) {
    bodies_[id].bytes += body;
    bodies_[id].ends = ends;
    nghttp2_session_resume_data(session_, id);
}

void client::reset(std::int32_t id, std::uint32_t code) {
    nghttp2_submit_rst_stream(session_, 0, id, code);
}

void client::pump() {
    for (bool quiet = false; !quiet;) {
        quiet = true;
        const std::uint8_t* data = nullptr;
        std::string out;
        for (ssize_t n; (n = nghttp2_session_mem_send(session_, &data)) > 0;)
            out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
        if (!out.empty()) {
            quiet = false;
            codec_.receive(out);
        }
        const std::string in = codec_.take();
        if (in.empty() && codec_.output_waits() == 0) continue;
        quiet = false;
        for (auto& f : frames_of(in)) frames_.push_back(std::move(f));
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(in.data()),
                                 in.size());
    }
}

}  // namespace h2

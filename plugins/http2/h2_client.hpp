// The other side of a connection, for tests: an nghttp2 client, and frames written by hand.

#pragma once

#include <nghttp2/nghttp2.h>
#include <pkernel/testing/codec.hpp>

#include <map>

namespace h2 {

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    std::string f;
    for (int shift : {16, 8, 0}) f += static_cast<char>(size >> shift);
    f += static_cast<char>(type);
    f += static_cast<char>(flags);
    for (int shift : {24, 16, 8, 0}) f += static_cast<char>(stream >> shift);
    return f.append(payload);
}

// Fields as literals that no table is used for, each shorter than 127 bytes or with a longer size.
inline std::string literals(const pk::testing::field_pairs& fields) {
    std::string block;
    const auto put = [&](std::string_view text) {
        std::size_t n = text.size();
        if (n < 127) {
            block += static_cast<char>(n);
        } else {
            block += static_cast<char>(127);
            for (n -= 127; n >= 128; n /= 128) block += static_cast<char>(n % 128 + 128);
            block += static_cast<char>(n);
        }
        block.append(text);
    };
    for (const auto& [name, value] : fields) {
        block += '\0';
        put(name);
        put(value);
    }
    return block;
}

inline pk::testing::field_pairs get(std::string path = "/") {
    return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", path}};
}

// Frames as they came, by hand: type, flags, stream, payload.
struct seen_frame {
    std::uint8_t type, flags;
    std::uint32_t stream;
    std::string payload;

    std::uint32_t word(std::size_t at) const {
        std::uint32_t n = 0;
        for (std::size_t i = 0; i < 4; ++i)
            n = n << 8 | static_cast<std::uint8_t>(payload.at(at + i));
        return n;
    }
};

inline std::vector<seen_frame> frames_of(std::string_view bytes) {
    std::vector<seen_frame> all;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    while (bytes.size() >= 9) {
        const std::size_t size = std::size_t{byte(0)} << 16 | byte(1) << 8 | byte(2);
        const std::uint32_t stream =
            std::uint32_t{byte(5)} << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
        all.push_back({byte(3), byte(4), stream, std::string(bytes.substr(9, size))});
        bytes.remove_prefix(std::min(bytes.size(), 9 + size));
    }
    return all;
}

// The last frame of that type, or null.
inline const seen_frame* last(const std::vector<seen_frame>& all, std::uint8_t type) {
    const seen_frame* found = nullptr;
    for (const auto& f : all)
        if (f.type == type) found = &f;
    return found;
}

struct response {
    pk::testing::field_pairs fields;
    std::vector<std::string> informational;  // Status codes.
    std::string status, body;
    pk::testing::field_pairs trailers;
    bool complete = false;
    bool fields_done = false;
    std::int64_t reset = -1;

    std::string field(std::string_view name) const {
        for (const auto& [key, value] : fields)
            if (key == name) return value;
        return {};
    }
};

// A client whose streams flow by themselves; pump() moves bytes until both sides are quiet.
class client {
public:
    explicit client(pk::testing::codec_under_test& codec,
                    std::vector<nghttp2_settings_entry> settings = {});
    ~client();

    std::int32_t request(const pk::testing::field_pairs& fields, std::string body = {},
                         bool ends = true, const pk::testing::field_pairs& trailers = {});
    void more(std::int32_t id, std::string body, bool ends);
    void reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL);
    void pump();
    response& at(std::int32_t id) { return responses_[id]; }
    nghttp2_session* raw() const noexcept { return session_; }
    // Frames seen since the last call.
    std::vector<seen_frame> frames() { return std::exchange(frames_, {}); }
    std::int64_t goaway = -1;
    std::int32_t goaway_last = -1;

private:
    struct outgoing {
        std::string bytes;
        bool ends = true;
        pk::testing::field_pairs trailers;
    };
    friend struct client_callbacks;

    pk::testing::codec_under_test& codec_;
    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, response> responses_;
    std::map<std::int32_t, outgoing> bodies_;
    std::vector<seen_frame> frames_;
};

}  // namespace h2

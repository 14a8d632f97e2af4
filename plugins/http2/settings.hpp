// What the operator may set beside the listener's limits, and the defaults that keep a connection
// harmless.

#pragma once

#include <pkernel/plugin.hpp>

namespace http2 {

struct settings {
    std::uint32_t header_table = 4 << 10;
    std::uint32_t frame = 16 << 10;
    std::uint32_t continuations = 8;
    pk::rate_value client_resets{100, std::chrono::seconds(10)};
    pk::rate_value server_resets{100, std::chrono::seconds(10)};
    pk::rate_value settings_frames{50, std::chrono::seconds(10)};
    pk::rate_value pings{50, std::chrono::seconds(10)};
    pk::rate_value empty_frames{200, std::chrono::seconds(10)};
    pk::rate_value priority_frames{1000, std::chrono::seconds(10)};
    pk::rate_value unknown_frames{100, std::chrono::seconds(10)};
    std::uint32_t window_updates = 10;
    bool extended_connect = false;
};

inline constexpr auto schema = pk::schema<settings>(
    pk::byte_size("header_table", &settings::header_table,
                  "Memory for compressed fields, in each direction.")
        .at_most(64 << 10),
    pk::byte_size("frame", &settings::frame, "Largest frame taken from a client.")
        .at_least(16 << 10)
        .at_most((1 << 24) - 1),
    pk::integer("continuations", &settings::continuations, "CONTINUATION frames of one head.")
        .at_most(1000),
    pk::rate("client_resets", &settings::client_resets, "Requests that a client may cancel."),
    pk::rate("server_resets", &settings::server_resets,
             "Requests that may end in a stream error by the client's fault."),
    pk::rate("settings_frames", &settings::settings_frames, "SETTINGS frames taken."),
    pk::rate("pings", &settings::pings, "PING frames taken."),
    pk::rate("empty_frames", &settings::empty_frames,
             "DATA frames without data taken, but for padding."),
    pk::rate("priority_frames", &settings::priority_frames,
             "PRIORITY and PRIORITY_UPDATE frames taken."),
    pk::rate("unknown_frames", &settings::unknown_frames,
             "Frames of types that mean nothing here, which are skipped."),
    pk::integer("window_updates", &settings::window_updates,
                "WINDOW_UPDATE frames for each DATA frame sent, beyond the first hundred.")
        .at_least(1)
        .at_most(1000),
    pk::boolean("extended_connect", &settings::extended_connect,
                "Offers extended CONNECT (RFC 8441), which WebSocket over HTTP/2 needs."));

}  // namespace http2

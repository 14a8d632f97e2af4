// WebSocket (RFC 6455) as far as an echo of short messages needs it: one masked text frame there,
// the same bytes unmasked back. The handshake has a fixed key, so nobody has to hash.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench::websocket {

inline constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

inline constexpr std::size_t message_max = 125;  // Lengths that fit the second byte.

// The client's frame.
inline std::string masked(std::string_view message, std::uint32_t mask) {
    const std::array<char, 4> bytes = {static_cast<char>(mask >> 24), static_cast<char>(mask >> 16),
                                       static_cast<char>(mask >> 8), static_cast<char>(mask)};
    std::string frame{static_cast<char>(0x81), static_cast<char>(0x80 | message.size())};
    frame.append(bytes.data(), bytes.size());
    for (std::size_t i = 0; i < message.size(); ++i)
        frame += static_cast<char>(message[i] ^ bytes[i & 3]);
    return frame;
}

// The origin's.
inline std::string plain(std::string_view message) {
    std::string frame{static_cast<char>(0x81), static_cast<char>(message.size())};
    return frame.append(message);
}

// Bytes of the client's frame at the start of `bytes`; 0: it is not whole yet; npos: none of ours.
inline std::size_t masked_frame(std::string_view bytes) {
    if (bytes.size() < 2) return 0;
    const auto size = static_cast<unsigned char>(bytes[1]) & 0x7fu;
    const bool ours = bytes[0] == static_cast<char>(0x81) && (bytes[1] & 0x80) != 0 && size <= 125;
    if (!ours) return std::string_view::npos;
    return bytes.size() < 6 + size ? 0 : 6 + size;
}

// The message of such a frame.
inline std::string unmasked(std::string_view frame) {
    std::string message(frame.substr(6));
    for (std::size_t i = 0; i < message.size(); ++i)
        message[i] = static_cast<char>(message[i] ^ frame[2 + (i & 3)]);
    return message;
}

}  // namespace bench::websocket

// The opening handshake of RFC 6455: what a request and the origin's answer must hold.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace websocket {

// 16 bytes in base64 (4.1).
bool is_key(std::string_view text) noexcept;

// The value of Sec-WebSocket-Accept that proves that a server has read that key (4.2.2).
std::string accept_of(std::string_view key);

// Whether an element of a list that is parted by commas is `wanted`, letter by letter.
bool lists(std::string_view list, std::string_view wanted) noexcept;

// Where the client connects to, as it sees that: "https" even if a proxy before us ended its TLS.
struct asked {
    std::string_view scheme, authority;
};

// Whether a page of `origin` may connect, by one entry of the allow-list: an origin as browsers
// send it, "*.example.com" for the hosts below a domain, or "same" for the origin that is asked
// (RFC 6454 5). Where we are asked by http a page by https is "same", too: browsers let none of
// those do so, so it was a proxy that ended TLS and has not told of it.
bool allows(std::string_view entry, std::string_view origin, const asked& here) noexcept;
// Whether it is such an entry.
bool is_origin_entry(std::string_view entry) noexcept;

std::array<unsigned char, 20> sha1(std::string_view bytes) noexcept;
std::string base64(std::string_view bytes);

}  // namespace websocket

// How long a message's body is (RFC 9112 6.3), and what its connection fields ask for.

#pragma once

#include <cstdint>

#include "kernel/http/head.hpp"

namespace pkernel::http {

enum class body_kind : std::uint8_t { none, length, chunked, until_close };

struct framing {
    body_kind kind = body_kind::none;
    std::uint64_t length = 0;  // kind == length
    bool keep_alive = true;    // The sender allows another message on the connection.
};

// False and a fault when the framing is ambiguous or broken: TE with CL, TE in HTTP/1.0, a coding
// other than one "chunked", CL that differ, lists, signs, more than 19 digits or 2^63 - 1; and when
// Connection lists more than 100 options.
bool request_framing(const request_head& head, framing& out, parse_fault& fault);

// `to_head`, `to_connect`: what the request's method was. 1xx, 204, 304 and HEAD have no body
// whatever they say; 101 and 2xx to CONNECT end the message too. A response with TE and CL is a
// fault (502).
bool response_framing(const response_head& head, bool to_head, bool to_connect, framing& out,
                      parse_fault& fault);

// True when `token` is in one of the comma lists of the fields with this id, in any case.
bool lists_token(const fields& all, std::uint32_t id, std::string_view token) noexcept;

// Removes what concerns one connection only (RFC 9110 7.6.1): Connection and the fields it names
// (but no other well-known one, such as Host, Content-Length, Cookie or X-Forwarded-For: S26),
// Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, HTTP2-Settings. Trailer stays.
void remove_connection_fields(fields& all) noexcept;

}  // namespace pkernel::http

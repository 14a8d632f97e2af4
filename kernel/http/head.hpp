// The strict HTTP/1 head parser (RFC 9112), for requests and responses: bytes in, views out.
//
// Pure: no allocation but the field array in the arena, no state beyond what it is given. "Need
// more" and "bad" are different answers. Every size is checked while parsing, so an endless head is
// refused at its limit.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/http/fields.hpp"

namespace pkernel::http {

struct head_limits {
    std::size_t line_max = 8 * 1024;    // Request or status line, without its line end.
    std::size_t field_max = 16 * 1024;  // One field line.
    std::size_t head_max = 32 * 1024;   // All of it, with the empty line.
    std::uint32_t fields_max = 100;
};

enum class parse_result : std::uint8_t { complete, need_more, bad };

// Why a head is bad. `cause` is a stable word (end_reason, Proxy-Status details), `status` what a
// client is answered (502 for a response head).
struct parse_fault {
    std::uint16_t status = 400;
    const char* cause = "";
};

struct request_head {
    explicit request_head(base::arena& a) : headers(a) {}
    std::string_view method;
    std::string_view target;
    std::uint8_t version_minor = 1;  // HTTP/1.x
    fields headers;
};

struct response_head {
    explicit response_head(base::arena& a) : headers(a) {}
    std::uint16_t status = 0;
    std::string_view reason;
    std::uint8_t version_minor = 1;
    fields headers;
};

// `bytes` begins at the head's first byte and may hold more than the head; `seen` is how many of
// them an earlier call has judged incomplete (0 at first), so that a dripped head costs one scan,
// not n: then a fault may be found at the end of its line only. On complete, `*consumed` is the
// head's length; views point into `bytes`. On bad, `fault` says why. What `out` held before is
// dropped. Empty lines before a request line (at most 2, RFC 9112 2.2) are skipped, and count for
// head_max.
parse_result parse_request(std::string_view bytes, std::size_t seen, const head_limits& limits,
                           request_head& out, std::size_t* consumed, parse_fault& fault);
parse_result parse_response(std::string_view bytes, std::size_t seen, const head_limits& limits,
                            response_head& out, std::size_t* consumed, parse_fault& fault);

// A trailer section (also "\r\n" alone: none): same rules as a head's fields. Names that may not
// stand there are the caller's to drop (normalise.hpp). Faults have status 400 or 431, whoever sent
// it.
parse_result parse_trailers(std::string_view bytes, std::size_t seen, const head_limits& limits,
                            fields& out, std::size_t* consumed, parse_fault& fault);

// RFC 9110 5.6.2, 5.5: what a plugin's setter is held to.
bool is_token(std::string_view s) noexcept;
bool is_field_value(std::string_view s) noexcept;

}  // namespace pkernel::http

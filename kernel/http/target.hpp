// From a request head to the canonical request (RFC 9112 3.2, RFC 3986): one reading, used by
// everybody.

#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/http/head.hpp"
#include "pkernel/abi/request.h"

namespace pkernel::http {

std::uint32_t method_id(std::string_view method) noexcept;
// PK_REQUEST_SAFE, PK_REQUEST_IDEMPOTENT of a method id.
std::uint32_t method_flags(std::uint32_t id) noexcept;

struct path_reading {
    std::string_view normal;  // See pk_request::path_normal; `raw` itself when it is that.
    std::uint32_t flags = 0;
};

// Reads a raw path ("/..." without query). False when it cannot be read: a bad %XX, %00 or another
// control byte decoded, a byte outside RFC 3986's set (but those that browsers send: | ^ " < > { }
// ` and >= 0x80 pass), more ".." than segments before them, and dots that mean one thing in one
// reading and another in the next: "..%2F", "..\", "..;x", ".." behind an empty segment or one with
// %2F. So every second reading that the flags make possible can be made from the normal form.
bool read_path(std::string_view raw, base::arena& arena, path_reading& out);

// Splits and checks an authority: host, [v6], port 1..65535. `host` is lower-case without a
// trailing dot (copied to the arena only if that changes it). False on userinfo, lists, spaces,
// percent signs, an empty host or label, more than 255 bytes, bad characters or port.
bool read_authority(std::string_view text, base::arena& arena, std::string_view& host,
                    std::uint32_t& port);

// Fills method, scheme, authority, host, path, path_normal, query, upgrade, flags and
// content_length of `out` from a parsed head, and leaves the rest alone. Host and an absolute-form
// target: the target wins and replaces Host (RFC 9112 3.2.2). Exactly one Host, but in HTTP/1.0
// none is legal. CONNECT and TRACE are answered 405 through the fault. It calls request_framing,
// whose faults are its own. After it `head.headers` has no Host; Upgrade and Connection still stand
// there. `scheme_secure`: the connection's transport encrypts. path_normal of "*" is "/".
bool make_request(request_head& head, bool scheme_secure, base::arena& arena, pk_request& out,
                  parse_fault& fault);

}  // namespace pkernel::http

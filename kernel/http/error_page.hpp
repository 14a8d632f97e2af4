// The short answer to a request that could not be served: HTML or JSON by Accept, with cause and
// request id.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pkernel::http {

struct error_page {
    std::uint32_t status = 500;
    std::string_view cause;       // A stable word: "response_head_timeout".
    std::string_view detail;      // One sentence for the reader; may be empty.
    std::string_view request_id;  // May be empty.
};

// True when the Accept value prefers JSON over HTML (RFC 9110 12.5.1; absent or */*: HTML).
bool prefers_json(std::string_view accept) noexcept;

// The body; everything in it is escaped.
std::string render_html(const error_page& page);
std::string render_json(const error_page& page);

}  // namespace pkernel::http

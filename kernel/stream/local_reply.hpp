// The kernel's own answers: error pages with a cause and the request's id, Proxy-Status (RFC 9209).

#pragma once

#include <string_view>

#include "kernel/base/end_reason.hpp"
#include "kernel/plugin/instance.hpp"

namespace pkernel::stream {

class stream;

namespace local_reply {

// Fills the stream's response head; the answer is the body, in its arena. `proxy_error` is a type
// of RFC 9209 2.3, or empty. Detail is one sentence for the reader.
std::string_view fill(stream& s, std::uint32_t status, base::end_reason why,
                      std::string_view proxy_error, std::string_view detail);

// "The body may have 104857600 bytes; the limit is limits.request_body, pk.yaml:12." In the arena.
std::string_view body_limit_text(stream& s);

void log_plugin_error(const plugin::instance& who, std::string_view what);

}  // namespace local_reply
}  // namespace pkernel::stream

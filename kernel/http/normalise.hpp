// What is taken out of a parsed message before it is passed on, beyond its connection fields.

#pragma once

#include "kernel/http/framing.hpp"

namespace pkernel::http {

// At most one Content-Length, and none where the framing or the status (204, 1xx) forbids it. What
// several say is the same: the framing was found good. That of an answer to HEAD or of a 304 stays.
void normalise_length(fields& all, const framing& f, std::uint32_t status) noexcept;

// Fields that may not stand in trailers (RFC 9110 6.5.1): framing, routing, authentication,
// content's form.
void remove_forbidden_trailers(fields& trailers) noexcept;

}  // namespace pkernel::http

// A connection whose exchange has become a tunnel: when it does, and bytes that go past it.

#include <utility>

#include "kernel/upstream/connection.hpp"

namespace pkernel::upstream {

// Asked for, and by the whole of a request (RFC 9110 7.8): till then its body is a body.
bool connection::granted() const noexcept {
    const auto& fields = what_.into->headers;
    return !what_.upgrade.empty() && http::lists_token(fields, PK_FIELD_UPGRADE, what_.upgrade) &&
           http::lists_token(fields, PK_FIELD_CONNECTION, "upgrade") && request_ended_ &&
           out_.empty() && !write_failed_;
}

void connection::begin_tunnel() {
    if (!granted()) return fail(failure_kind::bad_response, {502, "unasked_upgrade"});
    phase_ = phase::tunnel;
    timing_ = timing::none;
    request_ended_ = false;
    user_->on_response_head(framing_);
}

void connection::sink_waits() {
    writable_ = false;
    if (!std::exchange(sink_waits_, true)) time(timing::send, what_.limits->send);
}

}  // namespace pkernel::upstream

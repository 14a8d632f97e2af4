// The two neighbours of a stream: whoever made it (a codec, a subrequest), and the kernel's own
// handler.

#pragma once

#include <cstdint>

#include "kernel/base/block.hpp"
#include "kernel/base/end_reason.hpp"
#include "kernel/http/fields.hpp"

namespace pkernel::net {
class session;
}

namespace pkernel::stream {

class stream;

// What a response looks like when it leaves the chain. The fields hold Content-Length when its
// length is known.
struct response_out {
    std::uint32_t status;
    const http::fields* fields;
    std::int64_t length;  // -1: not known.
    bool has_body;        // False: HEAD, 204, 304 and the like, whatever `length` says.
};

// A head with status 101 begins a tunnel: the data and the end that follow are the origin's side of
// it, and what the client sends is the client's, till both have ended (stream::tunnelling).
// Takes the response, in order: informational*, head, data*, end; or abort at any point. All take
// everything; how much waits to go out is told by queued().
class downstream {
public:
    virtual void send_informational(std::uint32_t status, const http::fields& fields) = 0;
    virtual void send_head(const response_out& head) = 0;
    virtual void send_data(base::slice data) = 0;
    virtual void send_end(const http::fields& trailers) = 0;
    virtual std::size_t queued() const noexcept = 0;
    // What keeping it costs: slice_queue::held.
    virtual std::size_t held() const noexcept { return queued(); }
    // Whose the stream's blocks are; null: nobody's.
    virtual base::block_account* account() const noexcept { return nullptr; }
    // The response cannot be completed: what was sent must be seen to be cut.
    virtual void abort(base::end_reason why) = 0;
    // Of a tunnel: the client's side has gone to the origin, with its FIN.
    virtual void request_sent() {}
    // More of the request's body is wanted.
    virtual void resume_request() = 0;
    // The client may be told to send its body (RFC 9110 10.1.1). Idempotent.
    virtual void send_continue() = 0;
    // The fd to splice to what follows, when all before it has been written; or -1: copy.
    // `company`: something follows at once, the last segment waits for it.
    virtual int splice_target(bool /*company*/) noexcept { return -1; }
    // `n` body bytes went there.
    virtual void spliced(std::uint64_t) {}
    // Nothing follows for now: no segment waits for company any longer.
    virtual void splice_pauses() noexcept {}
    // No more goes there now: response_drained follows when it does.
    virtual void splice_waits() {}

    // Of the protocol that the request came by: "1.1".
    virtual std::string_view version() noexcept { return "1.1"; }
    // The transport of the client's connection, if it has one.
    virtual net::session* transport() noexcept { return nullptr; }
    // Whether this is the first request after a handshake, which would have been for nothing if it
    // were refused for want of time. Ask once a request.
    virtual bool handshake_was_for_this() noexcept { return false; }

protected:
    ~downstream() = default;
};

}  // namespace pkernel::stream

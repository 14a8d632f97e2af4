// One stream of a codec's connection: the downstream side of a kernel stream.
//
// What the codec says in its hooks is recorded here and acted on when the hook has returned; what
// the stream sends waits here until the codec frames it. Owned by its codec_server.

#pragma once

#include <cstdint>

#include "kernel/base/list.hpp"
#include "kernel/base/scratch.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/net/timer.hpp"
#include "kernel/stream/edges.hpp"
#include "kernel/stream/stream.hpp"
#include "pkernel/abi/codec.h"

namespace pkernel::stream {

class codec_server;
struct ready_streams;  // Tag of the list of those with something recorded.

class codec_stream final : public pk_codec_stream,
                           public base::list_hook<codec_stream>,
                           public base::list_hook<ready_streams>,
                           private downstream {
public:
    explicit codec_stream(codec_server& of);
    ~codec_stream();
    codec_stream(const codec_stream&) = delete;
    codec_stream& operator=(const codec_stream&) = delete;
    static codec_stream& of(pk_codec_stream* s) noexcept { return *static_cast<codec_stream*>(s); }

    // --- what the codec records
    void take_head(const pk_codec_head& head);
    void refuse_with(const http::parse_fault& fault) noexcept;
    pk_status take_body(const pk_slice& bytes);
    pk_status take_end(pk_field_view trailers);
    void take_abort(std::uint32_t cause) noexcept;
    // Moves what the codec framed to the connection's output.
    pk_status move_body(base::slice_queue& out, std::uint64_t n);

    // Acts on what was recorded. False: the stream is over.
    bool act();
    // Both directions are through, as far as this side knows.
    bool response_over() const noexcept {
        const bool waits = response_ended_ && stream_ && stream_->tunnelling();
        return response_ended_ && body_.empty() && (!waits || stream_->tunnel_sent());
    }
    // The codec knows nothing of it: it is only there to be recorded.
    bool malformed() const noexcept { return malformed_; }
    bool reset_by_us() const noexcept { return aborted_; }
    // A response, not a tunnel's side, is under way.
    bool responding() const noexcept { return responding_ && !stream_->tunnelling(); }
    bool request_over() const noexcept { return end_seen_; }
    bool aborted_by_peer() const noexcept { return peer_aborted_; }
    void drain_tunnel(net::nanoseconds left) {
        if (stream_) stream_->drain_tunnel(left);
    }
    void tell_tunnel(survivors& left) {
        if (stream_) stream_->tell_tunnel(left);
    }
    // The connection has room again.
    void output_drained();
    // The last word to the kernel's stream.
    void finish(base::end_reason why);
    codec_server& server() noexcept { return server_; }

private:
    void send_informational(std::uint32_t status, const http::fields& fields) override;
    void send_head(const response_out& head) override;
    void send_data(base::slice data) override;
    void send_end(const http::fields& trailers) override;
    std::size_t queued() const noexcept override;
    base::block_account* account() const noexcept override;
    void abort(base::end_reason why) override;
    void resume_request() override;
    void request_sent() override;
    void send_continue() override;
    net::session* transport() noexcept override;
    bool handshake_was_for_this() noexcept override;
    std::string_view version() noexcept override;

    void begin();
    bool lengths_differ() const noexcept;
    bool may_share(const pk_slice& bytes) const noexcept;
    // What comes is a tunnel's, if there will be one; no body's.
    bool connects() const noexcept { return stream_->request.flags & PK_REQUEST_EXTENDED_CONNECT; }
    void deliver();
    void drop_input();
    base::slice lasting(base::slice piece);
    void watch_request();
    void watch_response();
    void request_expired();
    void response_expired();
    bool fill_head(const pk_codec_head& from, http::parse_fault& fault);

    codec_server& server_;
    stream* stream_;
    base::slice_queue in_;    // Of the request, not yet taken.
    base::scratch small_;     // Of it what came in small pieces.
    base::slice_queue body_;  // Of the response, not yet framed.
    http::parse_fault refused_{0, ""};
    std::int64_t announced_ = -1;
    std::uint64_t received_ = 0;
    std::uint64_t credit_;    // Bytes that the peer may still send.
    bool malformed_ = false;  // refused_ says how.
    bool begun_ = false;
    bool end_seen_ = false;  // Of the request.
    bool end_told_ = false;
    bool peer_aborted_ = false;
    bool responding_ = false;
    bool continued_ = false;
    bool response_ended_ = false;
    bool aborted_ = false;
    mutable bool told_full_ = false;  // Somebody heard that something waits here.
    std::uint32_t cause_ = 0;
    std::uint64_t window_in_ = 0;
    std::uint64_t framed_ = 0;
    std::uint64_t framed_before_ = 0;
    std::uint64_t all_framed_before_ = 0;  // Of the connection.
    net::timer request_timer_;
    net::timer response_timer_;
};

}  // namespace pkernel::stream

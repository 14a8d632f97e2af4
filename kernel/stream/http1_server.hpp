// A client's connection that speaks HTTP/1.1: reads requests, one stream at a time, and writes
// their responses.
//
// One worker's thread. It owns its fd, its present stream, and itself: it ends through
// loop::retire. What is sent is written once a turn of the loop, so that a head and the first bytes
// of its body leave together.

#pragma once

#include <cstdint>
#include <memory>

#include "kernel/base/input_buffer.hpp"
#include "kernel/base/scratch.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/http/body_reader.hpp"
#include "kernel/net/fd_splice.hpp"
#include "kernel/net/wire.hpp"
#include "kernel/stream/client_connection.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/edges.hpp"

namespace pkernel::stream {

class http1_server final : public client_connection, private net::deferred, private downstream {
public:
    static constexpr std::uint64_t splice_body_min = 32 * 1024;

    http1_server(context& c, connection_keeper& keeper, accepted_connection&& from);
    ~http1_server() override;

    bool start() override;
    void drain(net::nanoseconds grace) override;
    void tell_tunnels(survivors& left) override;
    void kill(base::end_reason why) override;
    bool idle() const noexcept override {
        return phase_ == phase::idle && !stream_ && requests_ > 0;
    }
    std::size_t memory_bytes() const noexcept override { return account_->bytes; }
    void shed() override;
    void go_on() override;
    // Bytes that were read before, to decide that they are its; before start.
    void preload(base::input_buffer& read) noexcept { in_.adopt(read); }

    void on_io(std::uint32_t events) override;

private:
    enum class phase : std::uint8_t {
        idle,
        head,
        body,
        waiting,
        past,  // Answered, but for the rest of its body.
        tunnel,
        lingering,
        closed
    };
    enum class reading : std::uint8_t { none, head, idle, body, gone, linger };

    void send_informational(std::uint32_t status, const http::fields& fields) override;
    void send_head(const response_out& head) override;
    void send_data(base::slice data) override;
    void send_end(const http::fields& trailers) override;
    std::size_t queued() const noexcept override { return out_.bytes(); }
    std::size_t held() const noexcept override { return out_.held(); }
    base::block_account* account() const noexcept override { return account_; }
    void abort(base::end_reason why) override;
    void resume_request() override;
    void request_sent() override { context_.loop.defer(*this); }
    int splice_target(bool company) noexcept override;
    void spliced(std::uint64_t n) override;
    void splice_pauses() noexcept override;
    void splice_waits() override;
    void send_continue() override;
    net::session* transport() noexcept override { return wire_.session(); }
    bool handshake_was_for_this() noexcept override { return wire_.session() && requests_ == 1; }

    void run_deferred() override;
    void proceed();
    bool fill();
    bool make_room();
    void peer_ended();
    bool take_head();
    void head_complete(std::size_t used);
    void refuse(const http::parse_fault& fault);
    bool take_body();
    void begin_tunnel();
    bool take_tunnel();
    bool splices_body();
    bool pump_body();
    bool splices_tunnel();
    void pump_tunnel();
    void tunnel_writes();
    void body_complete();
    bool leaves_body(std::uint32_t status) const noexcept;
    void go_on_or_end(bool unread);
    void read_past();
    bool take_past();
    void begin_early();
    bool watch();
    void flush();
    void complete();
    void next_request();
    void end_stream(base::end_reason why);
    void linger();
    void discard();
    void linger_expired();
    void close(bool with_reset);
    void watch_for_gone();
    void watch_writing();
    std::uint64_t taken_by_client() const noexcept;
    net::nanoseconds write_stall() const noexcept;
    void time_reading(reading what, net::nanoseconds after);
    static void on_read_timer(void* self);
    static void on_write_timer(void* self);
    void read_expired();
    void write_expired();

    context& context_;
    connection_keeper& keeper_;
    net::wire wire_;
    const bool known_;
    const pk_address peer_;
    const pk_address local_;
    phase phase_ = phase::idle;
    reading timing_ = reading::none;
    bool readable_ = false;
    bool writable_ = true;
    bool peer_closed_ = false;
    bool proceeding_ = false;
    bool need_more_ = false;
    bool request_whole_ = false;  // Read to its end.
    bool keep_ = true;            // Another request may follow.
    bool chunked_ = false;        // The response.
    bool until_close_ = false;
    bool responding_ = false;  // Its head has been sent.
    bool response_done_ = false;
    bool aborted_ = false;
    bool cut_hard_ = false;  // The origin was: a tunnel's client sees it so.
    bool continued_ = false;
    bool draining_ = false;
    bool splice_waits_ = false;
    std::uint8_t full_reads_ = 0;  // Of a tunnel: those in a row that filled their block.
    bool fin_seen_ = false;        // Of a tunnel, as
    bool fin_sent_ = false;
    stream* stream_ = nullptr;
    base::block_account* const account_;
    base::input_buffer in_;
    base::slice_queue out_;
    base::scratch scratch_;
    std::size_t seen_ = 0;
    http::body_reader body_;
    std::uint64_t window_in_ = 0;  // Bytes in the present rate window.
    std::uint64_t gone_mark_ = 0;
    std::uint64_t written_ = 0;  // To the socket, ever.
    std::uint64_t taken_ = 0;    // Of it by the client, when the write window began.
    std::uint64_t lingered_ = 0;
    std::int64_t response_left_ = -1;  // Of a response with a length.
    std::uint64_t requests_ = 0;
    net::fd_splice splice_;  // Of a body, or a tunnel's client, to the origin.
    int splice_to_ = -1;
    net::late_watch late_;
    net::timer read_timer_;
    net::timer write_timer_;  // Lingering: when to look whether all has arrived.
};

}  // namespace pkernel::stream

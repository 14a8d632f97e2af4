// A client's connection that a plugin's codec frames (pk.codec/1): many streams over one wire.
//
// One worker's thread. Codec hooks only record (codec_calls.cpp); this acts when a hook has
// returned, then lets the codec write, then flushes. So no hook is called from inside another.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernel/base/input_buffer.hpp"
#include "kernel/base/scratch.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/net/wire.hpp"
#include "kernel/plugin/call_marker.hpp"
#include "kernel/stream/client_connection.hpp"
#include "kernel/stream/codec_stream.hpp"
#include "kernel/stream/context.hpp"

namespace pkernel::stream {

class codec_server final : public pk_codec_conn, public client_connection, private net::deferred {
public:
    static constexpr std::size_t output_max = 64 * 1024;  // Then send says no.
    // Of all streams together: then none is asked for more.
    static constexpr std::size_t queued_max = 1024 * 1024;
    static constexpr std::uint32_t glitches_max = 1000;

    codec_server(context& c, connection_keeper& keeper, const codec_plan& codec,
                 accepted_connection&& from);
    ~codec_server() override;
    void preload(base::input_buffer& read) noexcept { in_.adopt(read); }

    bool start() override;
    void drain(net::nanoseconds grace) override;
    void tell_tunnels(survivors& left) override;
    void kill(base::end_reason why) override;
    // After its first stream, between two.
    bool idle() const noexcept override;
    std::size_t memory_bytes() const noexcept override { return account_->bytes; }
    // With a goodbye, as far as the socket takes it now.
    void shed() override;
    void on_io(std::uint32_t events) override;

    static codec_server& of(pk_codec_conn* c) noexcept { return *static_cast<codec_server*>(c); }

    // --- for the codec's functions (codec_calls.cpp)
    static const pk_codec_api* table() noexcept;
    const pk_codec_limits& limits() const noexcept { return accepted_by().codec_limits; }
    pk_status open_stream(const pk_codec_head& head, const http::parse_fault* refused,
                          pk_codec_stream** out);
    pk_status send(std::string_view bytes);
    base::slice_queue& output() noexcept { return out_; }
    void resume() noexcept { held_ = false; }
    void set_timer(std::uint64_t ns);
    void glitch(std::uint32_t points);
    void close_after_output(std::uint32_t cause, std::string_view text);

    // --- for its streams
    base::block_account* account() const noexcept { return account_; }
    // Yes to the first that asks, on a connection with a transport.
    bool handshake_was_for_this() noexcept {
        return !std::exchange(handshake_used_, true) && session();
    }
    context& in() noexcept { return context_; }
    const std::shared_ptr<site>& newest_site() const noexcept {
        return client_connection::newest_site(context_);
    }
    const accepted_connection& accepted() const noexcept { return from_; }
    net::session* session() noexcept { return from_.wire.session(); }
    std::string_view version() const noexcept { return http::to_view(codec_.hooks.version); }
    void ready(codec_stream& s) {
        if (!static_cast<base::list_hook<ready_streams>&>(s).linked()) ready_.push_back(s);
        schedule();
    }
    // The codec writes what it has now, into the output.
    void write_frames();
    // The codec has something to write.
    void schedule() { context_.loop.defer(*this); }
    void count_queued(std::int64_t change) noexcept;
    void count_framed(std::uint64_t bytes) noexcept { framed_ += bytes; }
    std::uint64_t framed() const noexcept { return framed_; }  // Of bodies, ever.
    bool over_queued() const noexcept { return queued_ >= queued_max; }
    void give_credit(codec_stream& s, std::uint64_t bytes);
    void give_connection_credit(std::uint64_t bytes);
    template <class Call>
    auto call(Call&& hook) {
        const plugin::call_marker mark(context_.marker, codec_.instance->number());
        return hook(codec_.hooks);
    }

private:
    enum class phase : std::uint8_t { open, closing, lingering, closed };

    void run_deferred() override;
    void read();
    bool fill();
    bool offer();
    void peer_ended();
    void act();
    void write();
    void flush();
    void settle();
    void end(codec_stream& s, base::end_reason why);
    void end_all(base::end_reason why);
    void watch_for_gone();
    void look_for_gone();
    void say_goodbye(std::uint32_t cause);
    void say_goodbye(std::uint32_t cause, base::end_reason why);
    base::end_reason closing_reason() const noexcept;
    void linger();
    void discard();
    void linger_expired();
    void close(base::end_reason why, bool with_reset);
    void take_no_more(net::nanoseconds grace);
    void watch_idle();
    void watch_writing();
    void write_expired();

    context& context_;
    connection_keeper& keeper_;
    const codec_plan& codec_;  // Of the listener that accepted it.
    accepted_connection from_;
    const std::unique_ptr<std::byte[]> state_;
    base::block_account* const account_;  // Without a limit: windows and limits are its bounds.
    phase phase_ = phase::open;
    bool opened_ = false;
    bool readable_ = true;
    bool writable_ = true;
    bool peer_closed_ = false;
    bool end_told_ = false;  // The peer's, to the codec.
    bool reading_ = false;
    bool held_ = false;     // The codec took less than was offered.
    bool blocked_ = false;  // send said no.
    bool large_ = false;    // The last read filled its block.
    bool draining_ = false;
    bool handshake_used_ = false;
    net::nanoseconds grace_{};
    std::uint32_t close_cause_ = 0;
    std::uint32_t glitches_ = 0;
    std::size_t stream_count_ = 0;
    std::uint64_t streams_total_ = 0;
    std::size_t queued_ = 0;
    std::uint64_t framed_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t taken_ = 0;
    std::uint64_t gone_mark_ = 0;  // Of written_, when the peer's silence was last looked at.
    std::uint64_t lingered_ = 0;
    base::input_buffer in_;
    base::slice_queue out_;
    base::scratch scratch_;
    base::list<codec_stream, codec_stream> streams_;
    base::list<codec_stream, ready_streams> ready_;
    net::timer codec_timer_;
    net::timer idle_timer_;   // Between streams; once the peer has ended: whether it is gone; while
                              // lingering: its limit.
    net::timer write_timer_;  // Lingering: when to look whether all has arrived.
};

}  // namespace pkernel::stream

// One connection to an origin, and the HTTP/1.1 client side on it: a request goes out, a response
// comes in.
//
// Belongs to one worker. It is owned by the exchange that uses it (its `user`) or, idle, by the
// pool; it is destroyed through loop::retire. Responses are untrusted: parsed by the strict parser,
// bounded by their limits.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernel/base/input_buffer.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/http/body_reader.hpp"
#include "kernel/net/fd_splice.hpp"
#include "kernel/net/wire.hpp"
#include "kernel/upstream/endpoint.hpp"
#include "kernel/upstream/gathering.hpp"
#include "kernel/upstream/race.hpp"

namespace pkernel::upstream {

enum class failure_kind : std::uint8_t {
    connect_refused,
    connect_unreachable,
    connect_timeout,
    no_resources,      // No descriptor or memory of ours to connect with: not the origin's fault.
    handshake_failed,  // Of the transport: nothing of the request was sent. `detail` tells.
    send_timeout,
    response_timeout,  // No response head in time.
    stall_timeout,     // The body stopped.
    closed,            // FIN where there should have been more.
    reset,
    bad_response,  // `fault` tells.
};

// How much of a request may have reached the origin; in doubt the larger.
enum class sent : std::uint8_t { nothing, part, all };

struct failure {
    failure_kind kind;
    bool got_bytes = false;  // Of this response.
    sent request = sent::nothing;
    http::parse_fault fault{};
    std::string detail{};  // The transport's sentence, if it has one.
};

// The exchange that uses a connection. No call comes after finish or abandon; none before begin
// returned.
class connection_user {
public:
    virtual void on_connected() = 0;
    // A 1xx but 101. It is in the response_head given to begin, until this returns.
    virtual void on_informational() = 0;
    // A 101 (only where the exchange asked to switch) begins a tunnel: what the origin sends from
    // here on comes as data, its FIN as the end, after which the request's side may go on.
    virtual void on_response_head(const http::framing& framing) = 0;
    virtual void on_response_data(base::slice data) = 0;
    // `trailers` are empty but after a chunked body that had some. The connection stays the user's.
    virtual void on_response_end(const http::fields& trailers) = 0;
    virtual void on_send_drained() = 0;
    // The connection is closed; the user lets go of it (it retires itself).
    virtual void on_failure(const failure& why) = 0;
    // Whether more body may be handed over now; after a no, resume_reading() begins again. A user
    // that takes the body past the connection (splices) does so here, and says no.
    virtual bool wants_data() = 0;
    // Whether what is handed over next waits behind nothing.
    virtual bool nothing_waits() { return false; }
    // Nothing is read because the client does not take it: then the origin's silence is not its
    // fault.
    virtual bool held_by_client() = 0;

protected:
    ~connection_user() = default;
};

struct exchange_limits {
    http::head_limits head;
    std::uint32_t informational_max = 32;
    net::nanoseconds send, response, stall;
};

class connection final : public net::io_target,
                         public net::retired,
                         public net::pipe_source,
                         private net::session_owner,
                         private race_owner,
                         private net::deferred {
public:
    static constexpr std::uint64_t splice_body_min = 64 * 1024;

    connection(net::loop& loop, base::block_pool& blocks, const peer_key& key);
    ~connection() override;

    const peer_key& key() const noexcept { return key_; }
    // Whom it is connected to; family 1 for a unix socket.
    const pk_address& peer() const noexcept { return peer_; }
    // Served an earlier request: a failure before any byte of the response merits one fresh
    // attempt.
    bool reused() const noexcept { return exchanges_ > 1; }

    // The transport of a connection, and who it must find at the other end.
    struct transport_use {
        std::shared_ptr<const net::transport_plan> plan;  // Null: none.
        net::session_context* sessions = nullptr;
        // Its own: the connection may outlive the generation that it was made in.
        std::string name;
    };
    // Starts to connect, to the first of several addresses that answers; the word comes as
    // on_connected or on_failure, never before this returns. False: failed at once, `*why` tells,
    // and no call comes: abandon it. `timeout` is for all addresses together, and the transport's
    // handshake, too.
    bool connect(const destination& to, const transport_use& through, net::nanoseconds timeout,
                 connection_user& user, failure* why);

    struct exchange {
        const exchange_limits* limits;
        http::response_head* into;  // Its views are of head_block(), which the user keeps.
        http::fields* trailers;
        base::block_account* account = nullptr;  // Whose the response's blocks are; may be null.
        bool to_head = false;
        bool to_connect = false;
        // The protocol that the request asks to switch to; lives as long as the exchange.
        std::string_view upgrade{};
    };
    // A new exchange on a connected connection; what `what` points at must outlive it.
    void begin(connection_user& user, const exchange& what);
    // Bytes of the request; written before the loop waits again.
    void send(base::slice s) {
        out_.push(std::move(s));
        loop_.defer(*this);
    }
    // The request has been handed over in full; in a tunnel, the client's side: FIN follows.
    void end_request() noexcept {
        request_ended_ = true;
        loop_.defer(*this);
    }
    std::size_t queued() const noexcept { return out_.bytes(); }
    // Of a tunnel: all of the client's side has left, with its FIN.
    bool write_ended() const noexcept { return write_ended_; }
    std::size_t held() const noexcept { return out_.held(); }
    void resume_reading();

    // Of the response head: keeps the views of `into` alive.
    base::block* head_block() const noexcept { return in_.owner(); }

    // After on_response_end: may another request follow here? (Framing exact, both sides done and
    // willing.)
    bool reusable() noexcept;
    // Origin's Keep-Alive: timeout, less one second; no_hint when it said nothing.
    static constexpr net::nanoseconds no_hint = net::nanoseconds::max();
    net::nanoseconds idle_hint() const noexcept { return idle_hint_; }

    // Ends the use: hands the connection over to the pool as its idle owner...
    void go_idle(connection_user& keeper) noexcept;
    // ...or closes it and retires it. No callback follows.
    void abandon(bool with_reset = false) noexcept;

    // Of this exchange: what may have reached the origin, and whether anything came back.
    sent request_sent() const noexcept;
    bool got_anything() const noexcept { return got_bytes_; }
    // The peer has closed, or has said something, while nothing was asked.
    bool is_stale() noexcept { return wire_.is_stale(); }

    // Whether what follows may be, and is worth being, spliced from here: much of a body of known
    // length is on its socket, or a busy tunnel.
    bool splices() const noexcept;
    // Of these bytes. What the pump answers but `more`, and that it waits, is to be told.
    std::int64_t fill(int pipe, std::size_t most) noexcept override;
    std::uint64_t left() const noexcept override;
    void source_over(net::fd_splice::outcome how);

    // Of a tunnel: the fd that bytes can be spliced to while none wait here; else -1.
    int splice_sink() const noexcept {
        const bool free = out_.empty() && writable_ && !request_ended_;
        return phase_ == phase::tunnel && free ? wire_.plain_to_write() : -1;
    }
    // Of a request's body: writes what is queued before it, which waits for company, and says where
    // the rest can be spliced to; -1: send it.
    int body_sink() noexcept;
    int fd() const noexcept { return wire_.fd(); }
    // It is told in a moment what became of the body: its socket waits for more, or for that
    // moment.
    bool gathers() const noexcept { return timing_ == timing::gathering; }
    // on_send_drained follows.
    void sink_waits();
    void read_on() { loop_.defer(*this); }

    void on_io(std::uint32_t events) override;

private:
    enum class phase : std::uint8_t {
        connecting,
        handshake,
        idle,
        head,
        body,
        tunnel,
        ended,
        closed
    };
    enum class timing : std::uint8_t { none, connect, backlog, send, response, stall, gathering };

    // Of a unix socket: the system refuses where it would keep a TCP connection waiting, and nobody
    // tells when there is room, so it is asked again and again within the time to connect.
    struct full_backlog {
        full_backlog(const socket_address& address, net::instant end) : to(address), until(end) {}
        static constexpr net::nanoseconds pause_max = std::chrono::milliseconds(50);
        const socket_address to;
        const net::instant until;
        net::nanoseconds pause = std::chrono::milliseconds(1);
    };

    static void on_timer(void* self);
    void run_deferred() override;
    void note(std::uint32_t events) noexcept;
    void flush();
    void write_failed();
    void after_writing(bool had);
    void expire();
    void time(timing what, net::nanoseconds after);
    bool connect_one(const socket_address& to);
    void connect_again();
    void connect_failed(int why);
    bool connect_race(const destination& to);
    void race_won(base::unique_fd fd, const socket_address& at) override;
    void race_lost(int error) override;
    void end_race() noexcept;
    void connected();
    void begin_handshake();
    void shake_hands();
    void handshake_resumed() override { shake_hands(); }
    void look_at_idle();
    void read();
    bool fill();
    bool nothing_asked() const noexcept;
    bool take_head();
    bool make_room();
    bool reads() const noexcept {
        return phase_ == phase::head || phase_ == phase::body ||
               (phase_ == phase::tunnel && !read_ended_);
    }
    void begin_tunnel();
    bool granted() const noexcept;
    void take_idle_hint();
    void stop_gathering();
    bool take_body();
    void finish_response();
    void peer_ended();
    void fail(failure_kind kind, http::parse_fault fault = {});

    net::loop& loop_;
    const peer_key& key_;
    connection_user* user_ = nullptr;
    net::wire wire_;
    std::unique_ptr<const transport_use> through_;  // Null: no transport.
    pk_address peer_{};                             // Connected to.
    std::unique_ptr<race> race_;  // While it connects to one of several addresses.
    std::unique_ptr<full_backlog> backlog_;
    phase phase_ = phase::connecting;
    timing timing_ = timing::none;
    bool readable_ = false;
    bool writable_ = false;
    bool peer_closed_ = false;
    bool request_ended_ = false;
    bool write_failed_ = false;
    bool wrote_ = false;  // Or tried to, through a transport that may have sent a part.
    bool got_bytes_ = false;
    bool reading_ = false;
    bool surplus_ = false;
    std::uint8_t full_reads_ = 0;  // Of a tunnel: those in a row that filled their block.
    bool sink_waits_ = false;
    bool read_ended_ = false;  // Of a tunnel, as
    bool write_ended_ = false;
    std::size_t seen_ = 0;
    std::uint32_t informational_ = 0;
    std::uint32_t exchanges_ = 0;
    gathering gathering_;
    base::input_buffer in_;
    base::slice_queue out_;
    exchange what_{};
    http::framing framing_;
    http::body_reader body_;
    net::nanoseconds idle_hint_ = no_hint;
    net::timer timer_;
};

}  // namespace pkernel::upstream

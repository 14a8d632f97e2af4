// The kernel's handler: asks an origin, and keeps asking others as long as nothing was lost by it.
//
// A part of its stream. An attempt is one endpoint chosen; the replay on a fresh connection after a
// stale pooled one belongs to it. Typed facts decide (what was sent, what came back, is it
// idempotent, can its body be sent again), so that a POST is never executed twice; plugins of the
// route's or upstream's `attempt` say within them what follows, else the kernel's own rule does.

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "kernel/base/end_reason.hpp"
#include "kernel/base/scratch.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/net/fd_splice.hpp"
#include "kernel/net/socket.hpp"
#include "kernel/net/timer.hpp"
#include "kernel/stream/spool.hpp"
#include "kernel/upstream/chooser.hpp"
#include "kernel/upstream/connection.hpp"
#include "pkernel/abi/attempt.h"

namespace pkernel::stream {

class stream;
struct site;
struct attempt_policy;
struct slot;

// One endpoint that is asked whatever its state, past the balancer and limits, on a connection of
// its own (subrequest.h: `endpoint`).
struct pinned_endpoint {
    std::uint32_t index = PK_NO_ENDPOINT;  // PK_NO_ENDPOINT: none.
    std::uint16_t port = 0;                // 0: its own.
    bool connect_only = false;
};

class forward final : public upstream::connection_user {
public:
    static constexpr std::uint32_t attempts_max = 3;     // Without an attempt plugin...
    static constexpr std::uint32_t attempts_limit = 16;  // ...and with.
    static constexpr net::nanoseconds delay_max = std::chrono::seconds(60);
    static constexpr net::nanoseconds continue_after = std::chrono::seconds(1);
    static constexpr std::size_t picked_fields_max = 4;  // Of one pick.

    explicit forward(stream& s);
    ~forward();

    // Before start.
    void pin(const pinned_endpoint& to) noexcept { pinned_ = to; }
    // The request head has passed the chain.
    void start(std::uint32_t upstream);
    void request_data(base::slice data);
    void request_end();
    std::size_t queued() const noexcept {
        return (ask_ ? ask_->waiting.bytes() : 0) + (conn_ ? conn_->queued() : 0);
    }
    std::size_t held() const noexcept {
        const auto ours = ask_ ? ask_->waiting.held() + ask_->replay.backlog() : 0;
        return ours + (conn_ ? conn_->held() : 0);
    }
    void response_drained();
    // Of a tunnel: the client's side has gone to the origin, with its FIN.
    bool tunnel_sent() const noexcept { return conn_ && conn_->write_ended(); }
    // Where the client's side can be spliced to, or -1; and that it takes no more now.
    int splice_sink() const noexcept { return conn_ ? conn_->splice_sink() : -1; }
    void sink_waits() { conn_->sink_waits(); }
    // The same for the body of a request, when all before it has been written.
    int body_sink() noexcept;
    bool body_goes_on() const noexcept { return running_ && conn_ && connected_; }
    void body_spliced() noexcept { body_began_ = got_continue_ = true; }
    void body_pauses() noexcept { net::push(conn_->fd()); }
    // Ends it without a word to the stream: the client is gone, or was answered otherwise.
    void cancel(bool with_reset = false) noexcept;
    void reset() noexcept;
    // Of a tunnel: no endpoint will be asked any more. What that takes is let go, and what is kept
    // for the record is copied to `to`, bytes_kept() at the most.
    std::size_t bytes_kept() const noexcept { return failed_.size(); }
    void settle(base::arena& to);

    // For the record.
    std::string_view upstream_name() const noexcept;
    std::string_view endpoint_name() const noexcept;
    std::uint32_t attempts() const noexcept { return attempts_; }
    // "127.0.0.1:3001=connect_refused, 127.0.0.1:3002=503": all but the one that was the last.
    std::string_view failed_attempts() const noexcept { return failed_; }
    bool reused() const noexcept { return reused_; }
    // How the request's body was kept for another attempt, or why it was not; empty: there was
    // nothing to keep.
    std::string_view body_kept() const noexcept;
    net::nanoseconds head_time() const noexcept { return head_time_; }
    net::nanoseconds connect_time() const noexcept { return connect_time_; }
    // How long it waited for a place at the upstream.
    net::nanoseconds queue_time() const noexcept { return queue_time_; }

    void on_connected() override;
    void on_informational() override;
    void on_response_head(const http::framing& framing) override;
    void on_response_data(base::slice data) override;
    void on_response_end(const http::fields& trailers) override;
    void on_send_drained() override;
    void on_failure(const upstream::failure& why) override;
    bool wants_data() override;
    bool nothing_waits() override;
    bool held_by_client() override;

private:
    // What it takes to find an endpoint that answers, and to ask another one. A stream keeps it for
    // its next request; a tunnel has none.
    struct asking {
        explicit asking(forward& f);
        upstream::tried tried;
        pk_field picked_fields[picked_fields_max];  // Of the last pick; in the arena.
        std::size_t picked_count = 0;
        upstream::failure last_failure{upstream::failure_kind::connect_refused};
        base::slice_queue waiting;  // Body that came before the connection was there.
        base::scratch scratch;      // Chunk heads.
        net::timer continue_timer;
        net::timer try_timer;
        net::timer delay_timer;
        net::timer queue_timer;
        upstream::waiter waiter;
        spool replay;
    };

    // pk_pick's response_field, while a pick is under way.
    static pk_status field_of_pick(const pk_pick* choice, pk_str name, pk_str value) noexcept;

    // What follows a failure.
    struct next_step {
        std::uint32_t verdict = PK_ATTEMPT_PASS;
        bool unsafe = false;
        net::nanoseconds delay{0};
    };

    void attempt(bool same);
    upstream::chooser* newest() const noexcept;
    bool take_new_endpoints();
    bool choose();
    bool find_place();
    bool others_wait() const noexcept;
    bool wait_for_place();
    bool take_place();
    void go_on_from_queue();
    void leave_queue();
    void queue_expired();
    std::uint32_t others_left() const noexcept;
    bool may_ask_again();
    bool take_pooled();
    void connect(std::uint32_t index);
    bool renew(const upstream::failure& why, bool was_connected);
    bool connect_time_left() const noexcept;
    void rewind();
    void after_failure(std::uint32_t failure, bool was_connected);
    bool retries_status();
    next_step own_rule(bool was_connected);
    bool may_follow(next_step& next, bool was_connected);
    void follow(const next_step& next, bool was_connected);
    void note_failure(std::string_view word);

    // forward_policy.cpp: the plugins.
    void make_slots();
    pk_attempt_facts facts_of(std::uint32_t failure) const noexcept;
    std::uint32_t admit();
    next_step ask_plugins(std::uint32_t failure);
    void end_attempt(std::uint32_t failure) noexcept;
    void end_trial();
    void try_expired();

    void send_head();
    std::size_t write_head(char* at, std::size_t capacity);
    void send_body(base::slice data);
    bool resends() const noexcept { return ask_ && ask_->replay.behind(); }
    void resend();
    void replay_moved();
    void replay_broken();
    void finish_request();
    bool looped() const;
    void give_up(const upstream::failure& why);
    void refuse(base::end_reason why, std::string_view detail);
    void log_failure(const upstream::failure& why, std::string_view word) const;
    void release() noexcept;
    bool splices();
    void pump();

    stream& stream_;
    std::unique_ptr<asking> ask_;  // From start on; null in a tunnel that has settled.
    upstream::chooser* chooser_ = nullptr;
    // The chooser's, where it is not the stream's: of a config that came since the request began.
    std::shared_ptr<site> later_;
    const attempt_policy* policy_ = nullptr;
    slot** slots_ = nullptr;   // One for each plugin of the policy; in the arena.
    std::size_t asked_ = 0;    // How many of them know of this attempt.
    std::string_view failed_;  // In the arena.
    upstream::connection* conn_ = nullptr;
    pinned_endpoint pinned_;
    bool picking_ = false;
    std::uint32_t endpoint_ = PK_NO_ENDPOINT;
    std::uint32_t attempts_ = 0;
    std::uint32_t trial_ = 0;   // PK_TRIAL_... of the endpoint.
    std::uint32_t status_ = 0;  // Of the response, as it came.
    bool running_ = false;
    bool queued_ = false;    // It waits for a place...
    bool chosen_ = false;    // ...and has taken one.
    bool open_ = false;      // An attempt is under way.
    bool same_ = false;      // The next one goes where the last one went.
    bool answered_ = false;  // The last one's response was dropped for the next.
    bool over_budget_ = false;
    bool connected_ = false;  // The request has been handed to the connection.
    bool reused_ = false;
    spool::place kept_at_ = spool::place::nowhere;  // The body of a tunnel's request.
    bool renewed_ = false;  // A pooled connection had gone stale; tried again on a fresh one.
    bool replayed_ = false;
    bool body_began_ = false;
    bool chunked_ = false;
    bool got_head_ = false;
    bool got_continue_ = false;  // No (further) 100 for the client.
    bool ended_ = false;         // The request is complete.
    int splice_to_ = -1;
    bool splice_held_ = false;  // By the client.
    bool reserved_ = false;     // The endpoint counts us.
    net::instant first_attempt_{};
    net::instant attempt_start_{};
    net::instant queued_since_{};
    net::nanoseconds queue_time_{0};
    net::nanoseconds head_time_{0};
    net::nanoseconds connect_time_{0};
    net::fd_splice splice_;  // Of a body, or a tunnel's origin, to the client.
};

}  // namespace pkernel::stream

// One request and its response, on their way through the chain.
//
// The downstream side feeds it (request_*), the handler answers (response_*), filters stand in
// between. Owned by the downstream side; one worker's thread. Nothing here calls a plugin from
// inside a call that a plugin made: host calls record, and advance() acts when the callback has
// returned.
//
// Each direction is a lane: a head that moves from filter to filter and may be held, then bytes
// that follow it through the stages of those filters that look at them. Bytes never overtake their
// head.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "kernel/base/arena.hpp"
#include "kernel/base/end_reason.hpp"
#include "kernel/http/error_page.hpp"
#include "kernel/http/framing.hpp"
#include "kernel/http/head.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/edges.hpp"
#include "kernel/stream/forward.hpp"
#include "kernel/stream/slot.hpp"
#include "kernel/stream/variables.hpp"

namespace pkernel::stream {

class subrequest;
class survivors;
class tunnel;

class stream {
public:
    static constexpr std::size_t high_water = 64 * 1024;
    static constexpr std::size_t emit_max = 256 * 1024;
    static constexpr std::size_t retained_max =
        128 * 1024;  // The rest of a connection's stays free.
    static constexpr std::size_t plugin_memory_max = 64 * 1024;
    static constexpr std::uint32_t annotations_max = 16;
    // What the slot and the tunnel of a plugin that keeps little need.
    static constexpr std::uint16_t kept_first_bytes = 352, kept_later_bytes = 256;
    static constexpr std::uint32_t reroutes_max = 3;
    static constexpr std::uint32_t fields_max = 256;

    explicit stream(context& c);
    ~stream();
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    // --- for the downstream side
    // -------------------------------------------------------------------------- Once, before the
    // head is parsed: `head` and `request` are then filled by the codec.
    void open(downstream& from, std::shared_ptr<site> where, const listener_plan& listener);
    base::arena arena;
    // For what must outlast the heads of a tunnel: see settle.
    base::arena& lasting() noexcept { return tunnel_slot_ ? kept_ : arena; }
    http::request_head head;
    pk_request request{};
    http::fields request_trailers;
    void pin(base::block_ref b);  // Keeps a head's block for the stream's life.

    // The head is there, `request` is canonical: finds the route and begins. `expects`
    // 100-continue.
    void begin(bool expects);
    // Refuses before there is a route: malformed, timed out... The answer passes no filter.
    void refuse(const http::parse_fault& fault, std::uint32_t cause);
    // Its head may never become whole, but its method is known: an answer has no body.
    void answers_head() noexcept { head_method_ = true; }
    void request_data(base::slice data);
    void request_end();
    // Whether more of the body may come now; after a no, resume_request() follows.
    bool wants_request() noexcept;
    bool request_closed() const noexcept { return request_closed_; }
    // Of the protocol that the client speaks: "1.0".
    std::string_view version() const noexcept {
        return request.flags & PK_REQUEST_HTTP10 ? std::string_view("1.0") : from_->version();
    }
    // What was sent has left: below the mark again.
    void response_drained();
    // A limit or the client ended it; no answer can be sent any more.
    void abort(base::end_reason why);
    // The same where an answer still can be sent: as by local_error.
    void request_failed(std::uint32_t status, base::end_reason why, std::string_view detail = {});
    // The response's last byte was written, or it was aborted: tells the filters and the logs. Then
    // free it.
    void finish();
    bool response_ended() const noexcept { return response_.end_delivered; }
    // From the 101 on, request_data and request_end are a tunnel's, as are the response's; it is
    // over when both directions are.
    bool tunnelling() const noexcept;
    // The client's side has gone to the origin, with its FIN.
    bool tunnel_sent() const noexcept { return forward_.tunnel_sent(); }
    // Whether the tunnel's bytes of that direction may go past it: nobody looks, nothing waits.
    bool moves_alone(int direction) const noexcept;
    void tunnel_moved() noexcept;
    // Whether what comes in that direction now would be all that waits there.
    bool nothing_waits(int direction) const noexcept {
        return buffered(direction == PK_REQUEST ? request_ : response_) == 0;
    }
    // A tunnel that has begun lets go of all that only a request needs: its heads' blocks, its
    // arena, the search for an endpoint. What logs, variables and its plugins may still ask for is
    // copied. To be called with none of its hooks or callbacks under way.
    void settle();
    // The client's side of it by splice: the fd to splice to, or -1; bytes that went there; that it
    // takes no more now, after which resume_request follows.
    int splice_sink() const noexcept;
    // The same of a body whose length is known, that nobody looks at or keeps; that nothing more of
    // it is there for now.
    int body_sink() noexcept;
    // Whether what body_sink gave is still where the body goes.
    bool body_goes_on() const noexcept {
        return !ended_ && !request_closed_ && forward_.body_goes_on();
    }
    void body_spliced(std::uint64_t bytes) noexcept;
    void body_pauses() noexcept { forward_.body_pauses(); }
    void request_spliced(std::uint64_t bytes) noexcept;
    void sink_waits();
    // The process goes, in `left`, or its listener has (0: when the tunnel likes).
    void drain_tunnel(net::nanoseconds left);
    // A reload: it is told if its instance or its route is of the past.
    void tell_tunnel(survivors& left);
    // What the request asks to switch to, if a tunnel of its route judges it; else empty.
    std::string_view upgrade() const noexcept { return upgrade_; }
    bool response_started() const noexcept { return response_.head == head_state::delivered; }
    std::uint64_t response_bytes = 0;  // Counted by the downstream side.

    // --- for the kernel's handler
    // -------------------------------------------------------------------------
    http::response_head response;
    http::fields response_trailers;
    void response_informational();
    // `response` is filled, connection fields removed. Length -1: unknown.
    void response_head(std::int64_t length);
    void response_data(base::slice data);
    void response_end();
    bool wants_response() noexcept;
    void pause_response() noexcept { response_.paused = true; }
    // What waits for the handler was drained.
    void request_drained();
    // The stream cannot be served: an error page if the head has not gone out, else a cut.
    void local_error(std::uint32_t status, base::end_reason why, std::string_view proxy_error = {},
                     std::string_view detail = {});
    void send_continue() { from_->send_continue(); }
    downstream& from() noexcept { return *from_; }
    base::block_account* account() const noexcept { return account_; }
    bool unfiltered_response() const noexcept;  // No stage looks at its bytes, nothing waits.

    context& in() noexcept { return context_; }
    const site& where() const noexcept { return *site_; }
    const std::shared_ptr<site>& shared_site() const noexcept { return site_; }
    // To one that differs in upstreams' endpoints only. The one before may go with it.
    void move_to(const std::shared_ptr<site>& next) noexcept { site_ = next; }
    const route_plan* route() const noexcept { return route_; }
    const listener_plan& listener() const noexcept { return *listener_; }
    // The route's own, else the listener's.
    net::nanoseconds body_stall() const noexcept;
    net::nanoseconds write_stall() const noexcept;
    // A handle that only reads, for nobody in particular.
    pk_stream* reader();
    bool response_has_body() const noexcept;

    // --- for subrequests (stream_child.cpp)
    // ---------------------------------------------------------------
    subrequest* children = nullptr;  // That this one waits for.
    std::uint8_t depth = 0;  // 0: a client's; else a subrequest of one whose depth is one less.
    void route_child(const route_plan* direct, const slot* behind);
    // After route_child with `direct`.
    void pin_child(const pinned_endpoint& to) noexcept { forward_.pin(to); }
    void begin_child();

    // --- for variables
    // ------------------------------------------------------------------------------------
    made_value* made_values = nullptr;
    bool ended() const noexcept { return ended_; }
    base::end_reason end_reason() const noexcept { return end_; }
    std::string_view upstream_name() const noexcept { return forward_.upstream_name(); }
    std::string_view endpoint_name() const noexcept { return forward_.endpoint_name(); }
    std::uint32_t attempts() const noexcept { return forward_.attempts(); }
    std::string_view failed_attempts() const noexcept { return forward_.failed_attempts(); }
    std::string_view body_kept() const noexcept { return forward_.body_kept(); }
    net::nanoseconds queue_time() const noexcept { return forward_.queue_time(); }

    // --- for the host's functions
    // -------------------------------------------------------------------------
    friend struct host_calls;
    friend class tunnel;
    friend void fill_record(stream& s, pk_record& r);
    void resume(slot& s, int direction);
    void wake(slot& s);
    template <class Call>
    auto call(slot& s, Call&& hook);
    void advance();
    void plugin_failed(slot& s, const char* what);
    void reset();

    struct annotation_list {
        pk_annotation* items = nullptr;  // In lasting().
        std::uint32_t count = 0, capacity = 0;
    };

    stream* next_spare = nullptr;  // For the context.

private:
    enum class head_state : std::uint8_t { none, running, held, delivered };
    struct lane {
        int direction = PK_REQUEST;
        head_state head = head_state::none;
        int at = 0;               // The slot whose turn it is.
        std::uint32_t epoch = 0;  // Changes when the stages are others.
        stage* first = nullptr;
        base::slice_queue tail;  // Past the last stage, before the way out.
        bool flush = false;
        bool end_in = false;    // The end is in the lane.
        bool tail_end = false;  // It is past the last stage.
        bool end_delivered = false;
        bool paused = false;  // The source was told no.
    };
    // What a host call asked for, to be acted on when the callback has returned.
    enum class recorded : std::uint8_t { none, reply, reset };

    friend class forward;

    void attach(const route_plan& r, std::uint16_t keep);
    slot* make_slot(base::arena& in, const plugin::instance& of, std::uint32_t state_size,
                    std::uint16_t index);
    const tunnel_plan* tunnel_for(const route_plan& r);
    void note_plain_upgrade() const;
    void open_tunnel();
    // Of the slots that are asked about a request's head.
    int judge_count() const noexcept { return filter_count_ + (tunnel_slot_ ? 1 : 0); }
    void claim_fields();
    bool find_route();
    void step();
    bool act_on_record();
    bool reroute_now(slot& s);

    void run_request_head();
    void start_handler();
    void run_response_head();
    void deliver_response_head();
    bool judge(slot& s, int direction, pk_verdict v);
    void pass_head(slot& s, int direction);
    void run_resumes();
    void await_plugin();
    void plugin_is_late();
    bool run_drained();
    pk_verdict headers_hook(slot& s, int direction);
    pk_verdict resumed_hook(slot& s, int direction);

    void build_stages(lane& l, int from, int to, int step);
    stage* ensure_stage(slot& s, int direction);
    void clear_lane(lane& l);
    void bury_stages(lane& l);
    bool passes_by(const lane& l) const noexcept;
    void enter(lane& l, base::slice data);
    bool has_room(const lane& l) const noexcept;
    bool runs_freely(const lane& l) const noexcept;
    void pump(lane& l);
    bool run_stage(lane& l, stage& st);
    bool run_collect(lane& l, stage& st);
    bool gathered(lane& l, stage& st);
    bool spill(lane& l, stage& st);
    bool unspill(lane& l, stage& st);
    void collect_failed(const lane& l, bool by_disk);
    bool run_data(lane& l, stage& st);
    bool run_end(lane& l, stage& st);
    void pass_on(lane& l, stage& st, std::uint64_t n);
    void pass_end(lane& l, stage& st);
    void deliver_tail(lane& l);
    void sink(int direction, base::slice data);
    void announce(slot& by, int direction, std::int64_t length) noexcept;
    bool as_announced(int direction, std::uint64_t more);
    std::uint64_t queued_after(const slot& s, int direction) const noexcept;
    std::uint64_t buffered(const lane& l) const noexcept;
    void credit(lane& l);

    void begin_response(int place);
    void set_framing_field(http::fields& all, std::int64_t length);
    int error_place() const noexcept;
    void set_response(std::uint32_t status, std::int64_t length);
    void close_request();
    void write_records();

    lane& lane_of(int direction) noexcept { return direction == PK_REQUEST ? request_ : response_; }

    context& context_;
    downstream* from_ = nullptr;
    base::block_account* account_ = nullptr;
    std::shared_ptr<site> site_;
    const listener_plan* listener_ = nullptr;
    const route_plan* route_ = nullptr;
    slot** slots_ = nullptr;
    std::uint16_t slot_count_ = 0;  // With the handler's or the tunnel's, if there is one.
    std::uint16_t filter_count_ = 0;
    std::unique_ptr<slot> reader_;  // Once it was asked for.
    lane request_, response_;
    recorded recorded_ = recorded::none;
    slot* recorded_by_ = nullptr;
    std::uint32_t reset_cause_ = 0;
    // Whose emits must come to the length that it gave the message: its index and 1, or 0.
    std::uint16_t announcers_[2] = {};
    stage* dead_stages_ =
        nullptr;  // Of a response that a reply replaced; a hook may still look at them.
    slot* tunnel_slot_ = nullptr;  // The last one, of an upgrade.
    base::arena kept_;             // Of an upgrade: slots, and what lives as long.
    bool gathered_ = false;        // All of that stands there.
    tunnel* tunnel_ = nullptr;     // Once the origin has granted it.
    std::string_view upgrade_;
    slot* responder_ = nullptr;  // Whose emits are the response's body.
    http::fields claimed_;
    forward forward_;
    bool forwarding_ = false;
    bool in_informational_ = false;  // A filter is shown a 1xx.
    bool advancing_ = false;
    bool again_ = false;
    bool resumes_ = false;
    bool drains_ = false;
    bool ended_ = false;
    bool expects_ = false;
    bool reroute_ = false;
    bool request_closed_ = false;
    bool replied_ = false;
    bool head_method_ = false;
    std::uint32_t reroutes_ = 0;
    std::int64_t response_length_ = -1;
    std::uint64_t request_bytes_ = 0;
    std::uint64_t announced_left_[2] = {};  // What its announcer has yet to emit, by direction.
    std::uint32_t plugin_memory_ = 0;       // At most plugin_memory_max.
    std::uint32_t retained_bytes_ = 0;      // At most retained_max.
    base::end_reason end_;
    annotation_list annotations_;
    net::instant started_{};
    std::unique_ptr<net::timer> patience_;  // Once a plugin has let the stream wait.
    base::block_ref pinned_[4];
    struct retained_block {
        base::block_ref block;
        retained_block* next;
    };
    retained_block* retained_ = nullptr;
    char id_[16];
};

}  // namespace pkernel::stream

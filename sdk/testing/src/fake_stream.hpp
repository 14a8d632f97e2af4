// The stream behind an exchange: its state, and the rules of stream.h.

#pragma once

#include <pkernel/abi/handler.h>
#include <pkernel/abi/http_filter.h>
#include <pkernel/abi/tunnel.h>
#include <pkernel/fields.hpp>
#include <pkernel/stream.hpp>
#include <pkernel/testing/exchange.hpp>
#include <pkernel/testing/host.hpp>

#include <deque>

namespace pk::testing {

inline constexpr std::uint64_t high_water = 64 << 10;
inline constexpr std::uint64_t emit_max = 256 << 10;
inline constexpr std::uint64_t moves_max = 1 << 20;

// Elements are larger than the plugin knows, so that strides are taken seriously.
struct wide_field : pk_field {
    std::uint64_t later[2] = {};
};
struct wide_slice : pk_slice {
    std::uint64_t later[1] = {};
};

// Fields of one kind. A change makes a new table: a view that is kept too long points into freed
// memory, where a sanitizer sees it.
class field_store {
public:
    void assign(field_pairs fields);
    pk_field_view view() const noexcept;
    const pk_field* find(std::uint32_t id, std::string_view name, std::uint32_t* index) const;
    pk_status add(std::string_view name, std::string_view value);
    bool remove(std::uint32_t id, std::string_view name);
    std::string joined(std::string_view name) const;
    const field_pairs& pairs() const noexcept { return pairs_; }

private:
    field_pairs pairs_;
    std::vector<wide_field> table_;
};

// Memory aligned to 16. Not max_align_t: its padding is not zeroed with it.
struct alignas(16) chunk {
    unsigned char bytes[16] = {};
};

struct block {
    std::string bytes;
    std::uint32_t kept = 0;  // By the plugin.
};

// One direction as this handle sees it.
struct lane {
    enum class point { none, head, collected, data, end };

    bool began = false;      // Its head has come.
    bool head_gone = false;  // The head has gone on from here.
    bool ended = false;      // So has the end.
    bool resume = false;     // Asked for, not yet done.
    point waits = point::none;

    std::deque<wide_slice> input;  // Not yet taken.
    std::uint32_t flush = 0;       // Of the last byte of it.
    bool input_end = false;
    bool end_played = false;

    bool collect_asked = false, collecting = false;
    std::uint64_t collect_limit = 0;
    std::uint32_t collect_overflow = 0, collect_result = 0;
    std::vector<wide_slice> collected;

    bool transforming = false;
    std::int64_t length = -1;
    bool finished = false;
    std::uint32_t interest = 0;  // Of a tunnel.
    bool held = false;
    bool may_emit = true;
    bool wants_drained = false;
    std::uint64_t queued = 0, emitted = 0;
    std::string sent;
};

// Whose stream it is: one of them, or none for a handle that only reads (of balancers).
struct tables {
    const pk_http_filter* filter = nullptr;
    const pk_handler* handler = nullptr;
    const pk_tunnel* tunnel = nullptr;
};

class fake_stream {
public:
    fake_stream(fake_host& host, const tables& of, void* instance, const request_spec& spec);
    ~fake_stream();
    fake_stream(const fake_stream&) = delete;

    // The stream of a handle for an API call named `what`; null, with a complaint, when it is
    // called after the end or off the worker's thread.
    static fake_stream* enter(pk_stream* s, const char* what) noexcept;
    static const pk_stream_api& api() noexcept;

    // Runs plugin code on this stream, then does what it asked for.
    template <class F>
    void callback(F f) {
        for (lane& l : lanes) {
            l.emitted = 0;
            l.may_emit = l.queued < high_water;
        }
        ++depth;
        ++moves_;
        {
            const inside plugin(true);
            f(raw());
        }
        --depth;
        after_callback();
    }

    void play_head();
    void play_informational(std::uint32_t code, field_pairs fields);
    void play_response(std::uint32_t code, field_pairs fields);
    void play_body(std::size_t d, std::string_view bytes, bool flush);
    void play_end(std::size_t d, field_pairs trailers);
    void play_stream_end(std::uint32_t cause);
    void drained(std::size_t d);
    void woken();
    // Of a tunnel.
    void play_limit(std::uint32_t which);
    void play_drain(std::uint64_t deadline_ns);
    bool tunnelling() const noexcept { return tunnel_ != nullptr && open_; }
    // Its handle may be asked what only `accepted` may.
    bool in_accepted() const noexcept {
        return tunnel_ != nullptr && status == 101 && lanes[1].began && !open_;
    }
    const pk_tunnel* tunnel() const noexcept { return tunnel_; }
    std::uint64_t idle_limit = 0, life_limit = 0;
    outcome state(std::size_t d) const;

    fake_host& host() noexcept { return host_; }
    pk_stream* raw() noexcept { return handle_; }

    // Rule 1: the head of that kind may be changed now.
    bool held_here(std::uint32_t which) const;
    bool out() const noexcept { return reset_ || (replied && !streaming()) || ended_; }
    // Nothing of the message comes here any more; a handler still reads while it responds.
    bool deaf() const noexcept { return out() || (replied && handler_ == nullptr); }
    bool streaming() const noexcept { return responded && !lanes[1].finished; }
    // Something went on the plugin's behalf that it may not do.
    void breach(const std::string& what);
    void give_up();

    lane lanes[2];
    field_store fields[6];
    pk_request request{};
    std::deque<std::string> texts;  // What `request` points to.
    std::uint32_t status = 0;
    reply_seen reply;
    bool replied = false;    // By reply() or respond().
    bool responded = false;  // By respond().
    bool rerouted = false;
    field_pairs annotations;
    std::deque<block> blocks;
    std::deque<std::vector<chunk>> arena;
    std::uint64_t arena_used = 0;
    int depth = 0;
    bool in_informational = false;

    void want_reset(std::uint32_t cause) {
        reset_ = true;
        reset_cause_ = cause;
    }
    bool wants_reset() const noexcept { return reset_; }

private:
    struct handle : pk_stream {
        fake_stream* owner = nullptr;
        fake_host* host = nullptr;
        std::vector<chunk> state_memory;
    };

    std::uint32_t interest(std::uint32_t bit) const;
    bool looks_at(std::size_t d) const;
    std::uint64_t call_data(std::size_t d, const pk_slice_view& view, std::uint32_t flags);
    void call_drained(std::size_t d);
    bool has_resumed() const;
    pk_verdict call_resumed(std::size_t d);
    pk_verdict call_head(std::size_t d);
    pk_verdict call_end(std::size_t d);
    void after_callback();
    void settle(std::size_t d);
    void settle_request_of_handler();
    void decide(std::size_t d, lane::point at, pk_verdict v);
    void pass_on(lane& l, const pk_slice& s, std::uint64_t size);
    void offer(std::size_t d);
    void finish_collecting(std::size_t d);
    void gather(std::size_t d);
    void end_of(std::size_t d);
    void let_head_go(std::size_t d);
    pk_slice_view viewed(const std::vector<wide_slice>& slices) const;
    const char* name_of(std::size_t d) const { return d == 0 ? "request" : "response"; }

    fake_host& host_;
    const pk_http_filter* filter_;
    const pk_handler* handler_;
    const pk_tunnel* tunnel_;
    bool open_ = false;  // The tunnel has begun.
    std::uint32_t mask_ = 0;
    handle* handle_;  // Outlives the stream: a late call is recognised by it.
    bool head_played_ = false;
    bool ended_ = false;
    std::uint64_t moves_ = 0;  // Callbacks so far: while there are more, things may still move.
    bool settling_ = false;
    bool reset_ = false;
    std::uint32_t reset_cause_ = 0;
};

const pk_tunnel_service& tunnel_table() noexcept;

field_pairs parse_fields(std::string_view lines);
bool legal_name(std::string_view name);
bool legal_value(std::string_view value);
bool kernels_own(std::string_view name);  // Framing and connection fields.

}  // namespace pk::testing

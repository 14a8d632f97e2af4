// One filter, handler or tunnel on one stream: the handle that its plugin holds, and where it
// stands.

#pragma once

#include <cstdint>
#include <memory>

#include "kernel/base/slice_queue.hpp"
#include "kernel/net/timer.hpp"
#include "kernel/stream/plan.hpp"
#include "kernel/stream/spool.hpp"
#include "pkernel/abi/waker.h"

namespace pkernel::stream {

class stream;
struct slot;

// A collected body that was too much for memory.
struct spilled_body {
    spilled_body(context& c, spill_op::callback moved, void* owner) : rest(c, moved, owner) {}
    base::slice_queue beginning;  // What collected() shows.
    spool rest;
};

// Where the body of one direction stops at one plugin. Stands in the arena; ended by the stream.
struct stage {
    slot* who = nullptr;
    stage* next = nullptr;  // In the direction of travel; null: the way out.
    base::slice_queue in;
    std::uint64_t bypass = 0;               // Collected bytes that go past the own data hook.
    std::unique_ptr<spilled_body> spilled;  // Before what is in `in`.
    bool flush = false;
    bool waits = false;      // Took less than was offered.
    bool end_in = false;     // The end has arrived here...
    bool end_waits = false;  // ...and the end hook said wait...
    bool end_done = false;   // ...or the end has gone on.

    void let_go() noexcept {
        in.clear();
        spilled.reset();
    }
};

struct slot_timer {
    slot_timer(net::timer::callback fire, slot* w) : timer(fire, this), who(w) {}
    net::timer timer;
    slot* who;
    void (*fn)(pk_stream*, void*) = nullptr;
    void* arg = nullptr;
    std::uint64_t id = 0;
    slot_timer* next = nullptr;
};

struct slot {
    static constexpr std::uint32_t timers_max = 8;

    pk_stream handle{};  // First: the handle is the slot.
    stream* owner = nullptr;
    const filter_plan* filter = nullptr;       // Or
    const handler_plan* handler = nullptr;     // or
    const tunnel_plan* tunnel = nullptr;       // or none of them: a handle that only reads...
    const plugin::instance* reader = nullptr;  // ...for this one, if for any.
    std::uint16_t index = 0;
    bool began = false;  // Its headers hook was called, or it has none and the head passed:
                         // stream_end is due.
    bool out = false;    // No event any more but stream_end.
    bool woken = false;
    std::uint32_t waker = UINT32_MAX;  // Its place in the worker's table.
    std::uint32_t emitted = 0;         // In the running callback; at most stream::emit_max.
    slot_timer* timers = nullptr;
    // Why a call was last answered no, if that may be why it gives up.
    const char* refusal = nullptr;

    bool has_plugin() const noexcept { return filter || handler || tunnel; }

    struct side {
        stage* at = nullptr;
        bool passed = false;  // The head has gone on.
        bool waits = false;   // The head is held by a PK_WAIT.
        bool resume = false;
        bool transforms = false;
        bool finished = false;
        bool collecting = false;
        bool collected = false;  // Its hook has been called: once a message.
        bool collected_waits = false;
        bool wants_drained = false;
        std::uint32_t overflow = 0;
        std::uint64_t collect_limit = 0;
        std::uint32_t complete = 1;
        std::uint32_t interest = 0;  // Of a tunnel.
    };
    side sides[2];

    // Null: of a handle that only reads, for nobody.
    const plugin::instance* instance() const noexcept {
        return filter    ? filter->instance.get()
               : handler ? handler->instance.get()
               : tunnel  ? tunnel->instance.get()
                         : reader;
    }
    static slot& of(pk_stream* s) noexcept { return *reinterpret_cast<slot*>(s); }
};

// Of the worker's table; its place is made the first time.
pk_waker stream_waker(slot& s);

}  // namespace pkernel::stream

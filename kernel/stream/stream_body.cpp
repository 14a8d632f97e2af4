// Bodies on their way: stages, back-pressure, collected bodies, ends.

#include "kernel/base/check.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_call.hpp"

namespace pkernel::stream {

namespace {

using verdict_hook = pk_verdict (*)(pk_stream*);

// Of a body; what passes in a tunnel is none.
bool looks_at_body(const slot& s, int direction) noexcept {
    if (s.tunnel) return false;
    if (s.handler) return direction == PK_REQUEST;
    const auto bits = direction == PK_REQUEST ? PK_ON_REQUEST_DATA | PK_ON_REQUEST_END
                                              : PK_ON_RESPONSE_DATA | PK_ON_RESPONSE_END;
    return (s.filter->interest & static_cast<std::uint32_t>(bits)) != 0;
}

bool has_data_hook(const slot& s, int direction) noexcept {
    if (s.tunnel) return s.sides[direction].interest && s.tunnel->hooks.data;
    if (s.handler) return s.handler->hooks.data != nullptr;
    if (direction == PK_REQUEST)
        return (s.filter->interest & PK_ON_REQUEST_DATA) && s.filter->hooks.request_data;
    return (s.filter->interest & PK_ON_RESPONSE_DATA) && s.filter->hooks.response_data;
}

std::uint64_t call_data_hook(const slot& s, pk_stream* h, int direction, const pk_slice_view& view,
                             std::uint32_t flags) {
    if (s.tunnel)
        return s.tunnel->hooks.data(h, static_cast<std::uint32_t>(direction), &view, flags);
    if (s.handler) return s.handler->hooks.data(h, &view, flags);
    return direction == PK_REQUEST ? s.filter->hooks.request_data(h, &view, flags)
                                   : s.filter->hooks.response_data(h, &view, flags);
}

verdict_hook end_hook_of(const slot& s, int direction) noexcept {
    if (s.handler) return s.handler->hooks.end;
    if (direction == PK_REQUEST)
        return s.filter->interest & PK_ON_REQUEST_END ? s.filter->hooks.request_end : nullptr;
    return s.filter->interest & PK_ON_RESPONSE_END ? s.filter->hooks.response_end : nullptr;
}

verdict_hook collected_hook_of(const slot& s, int direction) noexcept {
    if (s.handler) return s.handler->hooks.collected;
    return direction == PK_REQUEST ? s.filter->hooks.request_collected
                                   : s.filter->hooks.response_collected;
}

}  // namespace

// Stages for the slots from..to (to excluded) that look at bytes, in the direction of travel.
void stream::build_stages(lane& l, int from, int to, int step_by) {
    stage** end = &l.first;
    while (*end) end = &(*end)->next;
    for (int i = from; i != to; i += step_by) {
        slot& s = *slots_[i];
        if (s.out || !looks_at_body(s, l.direction)) continue;
        if (l.direction == PK_RESPONSE && !s.sides[PK_REQUEST].passed) continue;
        stage* st = arena.make<stage>();
        st->who = &s;
        s.sides[l.direction].at = st;
        *end = st;
        end = &st->next;
    }
}

// The stage of a slot whose head is here, made if it has none: for collecting and transforming.
stage* stream::ensure_stage(slot& s, int direction) {
    auto& side = s.sides[direction];
    if (side.at) return side.at;
    stage* st = lasting().make<stage>();
    st->who = &s;
    side.at = st;
    lane& l = lane_of(direction);
    stage** at = &l.first;
    const auto before = [&](const stage* other) {
        return direction == PK_REQUEST ? other->who->index < s.index : other->who->index > s.index;
    };
    while (*at && before(*at)) at = &(*at)->next;
    st->next = *at;
    *at = st;
    if (!st->next) {
        // What had come for the way out has yet to pass here.
        l.tail.move_to(st->in, l.tail.bytes());
        std::swap(st->end_in, l.tail_end);
    }
    return st;
}

// They are looked at no more, but may stand under a hook that runs.
void stream::bury_stages(lane& l) {
    if (!l.first) return;
    stage* last = l.first;
    while (last->next) last = last->next;
    last->next = dead_stages_;
    dead_stages_ = std::exchange(l.first, nullptr);
}

void stream::clear_lane(lane& l) {
    for (stage* st = l.first; st; st = st->next) st->~stage();
    const int direction = l.direction;
    l.first = nullptr;
    l.tail.clear();
    l.head = head_state::none;
    l.flush = l.end_in = l.tail_end = l.end_delivered = l.paused = false;
    l.at = 0;
    l.direction = direction;
}

// Bytes come into the lane. Without stages and with the head gone they go straight out.
void stream::enter(lane& l, base::slice data) {
    if (l.direction == PK_RESPONSE && !response_has_body()) return;
    if (l.first && !passes_by(l)) {
        l.first->in.push(std::move(data));
        return;
    }
    if (l.head != head_state::delivered || !l.tail.empty()) {
        l.tail.push(std::move(data));
        return;
    }
    sink(l.direction, std::move(data));
}

// Whether bytes go past the one stage, of a tunnel that does not look at them.
bool stream::passes_by(const lane& l) const noexcept {
    const stage& st = *l.first;
    const auto& side = st.who->sides[l.direction];
    return st.who->tunnel && !side.interest && !side.finished && st.in.empty();
}

void stream::sink(int direction, base::slice data) {
    if (announcers_[direction] && !as_announced(direction, data.size())) return;
    if (direction == PK_RESPONSE)
        from_->send_data(std::move(data));
    else if (forwarding_)
        forward_.request_data(std::move(data));
}

void stream::announce(slot& by, int direction, std::int64_t length) noexcept {
    announcers_[direction] = length < 0 ? 0 : static_cast<std::uint16_t>(by.index + 1);
    announced_left_[direction] = static_cast<std::uint64_t>(length);
}

// Whether a body that a plugin emits keeps to the length that it gave. One that does not never
// leaves as such: who reads it would take what is too much for another message, and the next
// message on the connection for what is missing.
bool stream::as_announced(int direction, std::uint64_t more) {
    if (more <= announced_left_[direction]) {
        announced_left_[direction] -= more;
        return true;
    }
    slot& by = *slots_[std::exchange(announcers_[direction], 0) - 1];
    plugin_failed(by, "emitted more than the length that it gave");
    return false;
}

void stream::pump(lane& l) {
    if (l.end_in) {
        bool& end = l.first ? l.first->end_in : l.tail_end;
        end = true;
    }
    const auto epoch = l.epoch;
    for (bool progress = l.first; progress && !ended_ && recorded_ == recorded::none;) {
        progress = false;
        for (stage* st = l.first; st && !ended_; st = st->next) {
            if (l.direction == PK_REQUEST && request_closed_) return;
            progress = run_stage(l, *st) || progress;
            if (recorded_ != recorded::none || l.epoch != epoch) return;
        }
    }
    if (!ended_ && (l.tail_end || !l.tail.empty())) deliver_tail(l);
}

bool stream::run_stage(lane& l, stage& st) {
    slot& s = *st.who;
    auto& side = s.sides[l.direction];
    if (!side.passed) return side.collecting && !side.collected_waits && run_collect(l, st);
    if (s.out) {
        st.spilled.reset();
        pass_on(l, st, st.in.bytes());
        if (st.end_in && !st.end_done) pass_end(l, st);
        return false;
    }
    if (side.finished) {
        st.in.clear();
        st.spilled.reset();
        return false;
    }
    if (queued_after(s, l.direction) >= high_water) return false;
    bool progress = st.spilled && unspill(l, st);
    if (recorded_ != recorded::none || ended_) return true;
    if (st.bypass > 0 && !st.in.empty()) {
        const auto n = std::min<std::uint64_t>(st.bypass, st.in.bytes());
        side.transforms ? st.in.consume(n) : pass_on(l, st, n);
        st.bypass -= n;
        progress = true;
    }
    if ((!st.in.empty() || st.flush) && !st.waits) progress = run_data(l, st) || progress;
    if (recorded_ != recorded::none || ended_) return true;
    if (st.end_in && st.in.empty() && !st.spilled && !st.waits && !st.end_done && !st.end_waits)
        progress = run_end(l, st) || progress;
    return progress;
}

// The body is gathered while its head is held here.
bool stream::run_collect(lane& l, stage& st) {
    slot& s = *st.who;
    auto& side = s.sides[l.direction];
    if (!gathered(l, st)) return false;
    side.collected = true;
    const auto hook = collected_hook_of(s, l.direction);
    const pk_verdict v = hook ? call(s, hook) : pk_verdict{PK_NEXT};
    if (recorded_ != recorded::none) return true;
    st.bypass = st.in.bytes();
    if (s.handler) {
        side.collecting = false;
        side.passed = true;
        side.transforms = true;
        return true;
    }
    if (v == PK_WAIT) side.collected_waits = true;
    if (judge(s, l.direction, v)) pass_head(s, l.direction);
    return true;
}

// Whether what is to be collected is there. No, too: it never will be, and that was said.
bool stream::gathered(lane& l, stage& st) {
    auto& side = st.who->sides[l.direction];
    const bool over = st.spilled || st.in.bytes() > side.collect_limit;
    if (over && side.overflow == PK_OVERFLOW_SPILL) {
        if (!spill(l, st) || !st.end_in || !st.spilled->rest.settled()) return false;
        side.complete = PK_COLLECTED_SPILLED;
        return true;
    }
    if (over && side.overflow != PK_OVERFLOW_STREAM) {
        collect_failed(l, false);
        return false;
    }
    side.complete = over ? static_cast<std::uint32_t>(PK_COLLECTED_PART)
                         : static_cast<std::uint32_t>(PK_COLLECTED_ALL);
    return over || st.end_in;
}

void stream::collect_failed(const lane& l, bool by_disk) {
    constexpr base::end_reason why{PK_END_LIMIT, "collected_body_too_large"};
    if (by_disk)
        local_error(503, {PK_END_LIMIT, "spill_failed"}, "proxy_internal_error");
    else if (l.direction == PK_REQUEST)
        local_error(413, why, "http_request_error");
    else
        local_error(502, why, "http_response_body_size");
}

// What has come goes on in a file, but for the beginning. False: it cannot, and that was said.
bool stream::spill(lane& l, stage& st) {
    if (!st.spilled) {
        st.spilled = std::make_unique<spilled_body>(
            context_, [](void* self) { static_cast<stream*>(self)->advance(); }, this);
        st.in.move_to(st.spilled->beginning, st.who->sides[l.direction].collect_limit);
        st.spilled->rest.begin({0, route_->conf->limits.spill, &site_->plan->model->spill},
                               account_);
    }
    spool& rest = st.spilled->rest;
    while (!st.in.empty()) rest.take(st.in.pop());
    if (rest.whole()) return true;
    collect_failed(l, rest.where() != spool::place::too_long);
    return false;
}

// A spilled body goes on, piece by piece. True: some of it has, or it is over.
bool stream::unspill(lane& l, stage& st) {
    slot& s = *st.who;
    if (s.sides[l.direction].transforms || s.handler) {  // It has seen it, or passes it on itself.
        st.spilled.reset();
        return true;
    }
    spilled_body& body = *st.spilled;
    if (!body.rest.behind()) {
        body.beginning.move_to(st.in, body.beginning.bytes());
        body.rest.rewind();
    } else if (!body.rest.next(st.in)) {
        if (!body.rest.broken()) return false;
        collect_failed(l, true);
        return true;
    }
    st.bypass = st.in.bytes();
    if (!body.rest.behind()) st.spilled.reset();
    return true;
}

bool stream::run_data(lane& l, stage& st) {
    slot& s = *st.who;
    auto& side = s.sides[l.direction];
    if (!has_data_hook(s, l.direction)) {
        side.transforms || s.handler ? st.in.clear() : pass_on(l, st, st.in.bytes());
        st.flush = false;
        return true;
    }
    side.resume = false;
    // What may be emitted in one callback, at the most: else who emits what it is offered never
    // could.
    std::uint64_t offered = 0;
    const auto view = st.in.view(emit_max, &offered);
    const bool all = offered == st.in.bytes();
    const std::uint32_t flags = st.flush && all ? static_cast<std::uint32_t>(PK_DATA_FLUSH) : 0u;
    // Of a tunnel, what is emitted in the hook goes after what is taken in it.
    if (s.tunnel) deliver_tail(l);
    const auto taken =
        call(s, [&](pk_stream* h) { return call_data_hook(s, h, l.direction, view, flags); });
    if (recorded_ != recorded::none || ended_) return true;
    if (taken > offered) {
        plugin_failed(s, "took more bytes than were offered");
        return true;
    }
    base::slice_queue emitted;
    if (s.tunnel) l.tail.move_to(emitted, l.tail.bytes());
    side.transforms || s.handler ? st.in.consume(taken) : pass_on(l, st, taken);
    emitted.move_to(l.tail, emitted.bytes());
    if (all) st.flush = false;
    if (taken < offered) {
        st.waits = !std::exchange(side.resume, false);
        return !st.waits && taken > 0;
    }
    return true;
}

bool stream::run_end(lane& l, stage& st) {
    slot& s = *st.who;
    const bool asks =
        s.tunnel ? s.tunnel->hooks.end != nullptr : end_hook_of(s, l.direction) != nullptr;
    if (!asks) {
        pass_end(l, st);
        return true;
    }
    const auto v = call(s, [&](pk_stream* h) {
        return s.tunnel ? s.tunnel->hooks.end(h, static_cast<std::uint32_t>(l.direction))
                        : end_hook_of(s, l.direction)(h);
    });
    if (recorded_ != recorded::none || ended_) return true;
    if (v == PK_WAIT) {
        st.end_waits = true;
        if (s.sides[l.direction].resume) resumes_ = again_ = true;
        return false;
    }
    if (v != PK_NEXT && !s.handler) {
        plugin_failed(s, "a verdict that means nothing at the end");
        return true;
    }
    pass_end(l, st);
    return true;
}

void stream::pass_on(lane& l, stage& st, std::uint64_t n) {
    st.in.move_to(st.next ? st.next->in : l.tail, n);
    (st.next ? st.next->flush : l.flush) |= st.flush;
}

void stream::pass_end(lane& l, stage& st) {
    if (st.end_done) return;
    st.end_done = true;
    (st.next ? st.next->end_in : l.tail_end) = true;
    again_ = true;
}

void stream::deliver_tail(lane& l) {
    if (l.head != head_state::delivered || l.end_delivered) return;
    if (l.direction == PK_REQUEST && (request_closed_ || !forwarding_)) return;
    while (!l.tail.empty()) {
        sink(l.direction, l.tail.pop());
        if (ended_ || (l.direction == PK_REQUEST && request_closed_)) return;
    }
    if (!l.tail_end) return;
    l.end_delivered = true;
    const auto by = announcers_[l.direction];
    const bool all = l.direction == PK_REQUEST || response_has_body();
    if (by > 0 && announced_left_[l.direction] > 0 && all)
        return plugin_failed(*slots_[by - 1], "emitted less than the length that it gave");
    if (l.direction == PK_RESPONSE) return from_->send_end(response_trailers);
    forward_.request_end();
}

// What waits to go out after this handle. What a filter there has asked to collect does not: it
// waits for more.
std::uint64_t stream::queued_after(const slot& s, int direction) const noexcept {
    const lane& l = direction == PK_REQUEST ? request_ : response_;
    std::uint64_t n =
        l.tail.bytes() + (direction == PK_REQUEST ? forward_.queued() : from_->queued());
    const stage* st = s.sides[direction].at ? s.sides[direction].at->next : l.first;
    for (; st; st = st->next)
        if (!st->who->sides[direction].collecting) n += st->in.bytes();
    return n;
}

// What this lane holds, but for bodies that a filter has asked to collect.
std::uint64_t stream::buffered(const lane& l) const noexcept {
    std::uint64_t n = l.tail.held() + (l.direction == PK_REQUEST ? forward_.held() : from_->held());
    for (const stage* st = l.first; st; st = st->next) {
        if (!st->who->sides[l.direction].collecting) n += st->in.held();
        if (st->spilled) n += st->spilled->rest.backlog();
    }
    return n;
}

// Whether more may come into the lane: it is below the mark, its connection within its memory, and
// the process not short of it. An empty one may always go on: so two directions that are both full
// cannot stop each other, and what was stopped goes on when it has drained.
bool stream::has_room(const lane& l) const noexcept {
    // Nothing more at all comes in for clients; go_on follows.
    const bool full = context_.memory == base::memory_level::full;
    if (full && account_ && depth == 0) return false;
    const auto held = buffered(l);
    if (held == 0) return true;
    return held < high_water && context_.memory < base::memory_level::severe &&
           (!account_ || account_->has_room(base::block_pool::small_size));
}

// Tells a source that was told no that it may go on.
void stream::credit(lane& l) {
    if (!l.paused || ended_ || !has_room(l)) return;
    l.paused = false;
    if (l.direction == PK_REQUEST)
        from_->resume_request();
    else if (forwarding_)
        forward_.response_drained();
}

// Asks those that emitted for more, once their output is below the mark.
bool stream::run_drained() {
    drains_ = false;
    bool called = false;
    for (std::uint16_t i = 0; i < slot_count_ && !ended_; ++i) {
        slot& s = *slots_[i];
        for (const int d : {PK_REQUEST, PK_RESPONSE}) {
            auto& side = s.sides[d];
            if (!side.wants_drained || side.finished) continue;
            if (queued_after(s, d) >= high_water) {
                drains_ = true;
                continue;
            }
            side.wants_drained = false;
            called = true;
            if (!s.handler && side.at) side.at->waits = false;  // The data is offered again, too.
            const auto hook = s.filter   ? s.filter->hooks.drained
                              : s.tunnel ? s.tunnel->hooks.drained
                                         : nullptr;
            if (s.handler && s.handler->hooks.drained)
                call(s, s.handler->hooks.drained);
            else if (hook)
                call(s, [&](pk_stream* h) { hook(h, static_cast<std::uint32_t>(d)); });
            if (recorded_ != recorded::none) return true;
        }
    }
    return called;
}

}  // namespace pkernel::stream

// Heads on their way through the chain: who is asked, who holds one, and what a reply does.

#include <charconv>

#include "kernel/base/check.hpp"
#include "kernel/stream/local_reply.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_call.hpp"

namespace pkernel::stream {

// Acts on what callbacks recorded until nothing is left to do. The one place where the stream moves
// on.
void stream::advance() {
    again_ = true;
    if (advancing_) return;
    advancing_ = true;
    while (again_ && !ended_) {
        again_ = false;
        step();
    }
    advancing_ = false;
}

void stream::step() {
    if (recorded_ != recorded::none && !act_on_record()) return;
    // What a hook recorded is acted on before another is called.
    if (resumes_) run_resumes();
    if (recorded_ != recorded::none) return;
    if (request_.head == head_state::running) run_request_head();
    if (recorded_ != recorded::none) return;
    if (response_.head == head_state::running) run_response_head();
    if (ended_ || recorded_ != recorded::none) return;
    pump(request_);
    if (ended_) return;
    pump(response_);
    if (ended_) return;
    if (drains_ && run_drained()) again_ = true;
    credit(request_);
    credit(response_);
}

// What a reply or reset means for the rest of the stream. False: it is over.
bool stream::act_on_record() {
    const auto what = std::exchange(recorded_, recorded::none);
    slot& by = *recorded_by_;
    if (what == recorded::reset && reset_cause_ == PK_END_PLUGIN_ERROR) {
        by.out = true;
        if (by.refusal) local_reply::log_plugin_error(*by.instance(), by.refusal);
        local_error(500, {PK_END_PLUGIN_ERROR, "plugin_error"}, "proxy_internal_error");
        return !ended_;
    }
    if (what == recorded::reset) {
        abort({reset_cause_, "plugin_reset"});
        from_->abort(end_);
        return false;
    }
    for (std::uint16_t i = by.index; i < slot_count_; ++i)
        if (slots_[i] != responder_) slots_[i]->out = true;
    close_request();
    for (stage* st = dead_stages_; st; st = st->next) st->let_go();
    return true;
}

// No one will see more of the request; what the origin does with it is cut.
void stream::close_request() {
    request_closed_ = true;
    if (request_.head != head_state::delivered) request_.head = head_state::held;
    forward_.cancel();
    forwarding_ = false;
    for (stage* st = request_.first; st; st = st->next) st->let_go();
    request_.tail.clear();
}

void stream::run_request_head() {
    while (request_.head == head_state::running) {
        if (request_.at == judge_count()) return start_handler();
        slot& s = *slots_[request_.at];
        if (s.filter && !(s.filter->interest & PK_ON_REQUEST_HEADERS)) {
            s.began = true;
            pass_head(s, PK_REQUEST);
            continue;
        }
        s.began = true;
        if (judge(s, PK_REQUEST, headers_hook(s, PK_REQUEST))) pass_head(s, PK_REQUEST);
        if (recorded_ != recorded::none) return;
    }
}

void stream::start_handler() {
    // Where a 2xx says that the tunnel stands, nothing else may answer with one.
    const bool connects = request.flags & PK_REQUEST_EXTENDED_CONNECT;
    if (connects && !tunnel_slot_)
        return local_error(501, {PK_END_REFUSED, "upgrade_not_listed"}, "http_request_error",
                           "No plugin of the route takes that protocol.");
    request_.head = head_state::delivered;
    if (!route_->handler) {
        forwarding_ = true;
        if (request.upgrade.size && !tunnel_slot_) note_plain_upgrade();
        forward_.start(route_->upstream);
        again_ = true;
        return;
    }
    slot& s = *slots_[filter_count_];
    s.began = true;
    s.sides[PK_REQUEST].passed = true;
    if (expects_ && s.handler->hooks.data) from_->send_continue();
    const auto v = call(s, s.handler->hooks.request);
    again_ = true;
    if (recorded_ != recorded::none || responder_ == &s) return;
    if (v == PK_COLLECT && s.sides[PK_REQUEST].collecting) {
        s.sides[PK_REQUEST].passed = false;
        if (expects_) from_->send_continue();
        return;
    }
    if (v == PK_WAIT || v == PK_NEXT) return await_plugin();
    plugin_failed(s, "request answered without a reply");
}

void stream::run_response_head() {
    while (response_.head == head_state::running) {
        if (response_.at < 0) return deliver_response_head();
        slot& s = *slots_[response_.at];
        const bool hears = s.tunnel ? tunnel_ != nullptr
                                    : s.filter && (s.filter->interest & PK_ON_RESPONSE_HEADERS);
        const bool asks = hears && s.began && !s.out && s.sides[PK_REQUEST].passed;
        if (!asks) {
            pass_head(s, PK_RESPONSE);
            continue;
        }
        if (judge(s, PK_RESPONSE, headers_hook(s, PK_RESPONSE))) pass_head(s, PK_RESPONSE);
        if (recorded_ != recorded::none) return;
    }
}

void stream::deliver_response_head() {
    const bool connects = request.flags & PK_REQUEST_EXTENDED_CONNECT;
    if (connects && response.status >= 200 && response.status < 300)
        return local_error(502, {PK_END_PROTOCOL, "upgrade_unanswered"}, "http_protocol_error",
                           "What answered has not switched protocols.");
    response_.head = head_state::delivered;
    again_ = true;
    from_->send_head({response.status, &response.headers, response_length_, response_has_body()});
    if (response.status == 101) open_tunnel();
}

pk_verdict stream::headers_hook(slot& s, int direction) {
    if (s.tunnel) {
        const auto hook =
            direction == PK_REQUEST ? s.tunnel->hooks.judge : s.tunnel->hooks.accepted;
        return hook ? call(s, hook) : pk_verdict{PK_NEXT};
    }
    return call(s, direction == PK_REQUEST ? s.filter->hooks.request_headers
                                           : s.filter->hooks.response_headers);
}

pk_verdict stream::resumed_hook(slot& s, int direction) {
    const auto hook = s.filter   ? s.filter->hooks.resumed
                      : s.tunnel ? s.tunnel->hooks.resumed
                                 : nullptr;
    if (!hook) return PK_NEXT;
    return call(s, [&](pk_stream* h) { return hook(h, static_cast<std::uint32_t>(direction)); });
}

// True: the head goes on from here.
bool stream::judge(slot& s, int direction, pk_verdict v) {
    if (recorded_ != recorded::none) return false;
    auto& side = s.sides[direction];
    lane& l = lane_of(direction);
    switch (v) {
        case PK_NEXT:
            side.collecting = false;
            return true;
        case PK_WAIT:
            l.head = head_state::held;
            side.waits = true;
            await_plugin();
            if (side.resume) resumes_ = again_ = true;
            return false;
        case PK_COLLECT:
            if (!side.collecting || side.collected) break;
            l.head = head_state::held;
            if (direction == PK_REQUEST && expects_) from_->send_continue();
            again_ = true;
            return false;
        default:
            break;
    }
    plugin_failed(s, "a verdict that means nothing here");
    return false;
}

void stream::pass_head(slot& s, int direction) {
    auto& side = s.sides[direction];
    side.passed = true;
    side.waits = side.resume = side.collecting = side.collected_waits = false;
    lane& l = lane_of(direction);
    l.head = head_state::running;
    again_ = true;
    if (direction == PK_RESPONSE) {
        --l.at;
        return;
    }
    ++l.at;
    if (reroute_ && !reroute_now(s)) return;
}

// A plugin that waits has as long as an origin has for its response head.
void stream::await_plugin() {
    const auto usual = net::nanoseconds(std::chrono::seconds(60));
    const auto limit = route_->handler ? route_->conf->timeouts.response.value_or(usual)
                                       : route_->exchange.response;
    if (!patience_)
        patience_ = std::make_unique<net::timer>(
            [](void* self) { static_cast<stream*>(self)->plugin_is_late(); }, this);
    patience_->arm(context_.loop.timers(), context_.loop.now() + limit);
}

void stream::plugin_is_late() {
    if (ended_) return;
    const slot* late = nullptr;
    if (request_.head == head_state::held && !request_closed_ &&
        slots_[request_.at]->sides[PK_REQUEST].waits)
        late = slots_[request_.at];
    if (response_.head == head_state::held && slots_[response_.at]->sides[PK_RESPONSE].waits)
        late = slots_[response_.at];
    const bool asked = request_.head == head_state::delivered && route_->handler;
    if (asked && response_.head == head_state::none && !replied_) {
        if (!request_.end_in)
            return await_plugin();  // The client's slowness has a limit of its own.
        late = slots_[filter_count_];
    }
    if (!late) return;
    local_reply::log_plugin_error(*late->instance(),
                                  "did not go on in time: the request is answered 504");
    local_error(504, {PK_END_TIMEOUT, "plugin_timeout"}, "http_response_timeout");
}

// Matches the changed request again, and appends the new route's chain after those that it has
// passed.
bool stream::reroute_now(slot& s) {
    reroute_ = false;
    const auto i = site_->plan->router->find(request, head.headers, listener_->index);
    if (i == route_finder::none) {
        local_error(404, {PK_END_REFUSED, "no_route"}, "destination_not_found");
        return false;
    }
    // Nothing past this filter has seen a byte: what waits there waits for the new chain.
    stage** cut = &request_.first;
    while (*cut && (*cut)->who->index <= s.index) cut = &(*cut)->next;
    stage* dropped = std::exchange(*cut, nullptr);
    base::slice_queue waiting;
    base::slice_queue& from = dropped ? dropped->in : request_.tail;
    from.move_to(waiting, from.bytes());
    const bool end = std::exchange(dropped ? dropped->end_in : request_.tail_end, false);
    for (stage* st = dropped; st; st = st->next) st->~stage();
    attach(*(*site_->plan->routes)[i], static_cast<std::uint16_t>(s.index + 1));
    waiting.move_to(*cut ? (*cut)->in : request_.tail, waiting.bytes());
    (*cut ? (*cut)->end_in : request_.tail_end) = end;
    claim_fields();
    return true;
}

void stream::run_resumes() {
    resumes_ = false;
    for (std::uint16_t i = 0; i < slot_count_ && !ended_; ++i) {
        slot& s = *slots_[i];
        const bool woken = std::exchange(s.woken, false);
        for (const int d : {PK_REQUEST, PK_RESPONSE}) {
            if (s.handler) continue;
            auto& side = s.sides[d];
            const bool resumed = std::exchange(side.resume, false);
            if (!woken && !resumed) continue;
            stage* st = side.at;
            const bool at_head = side.waits, at_end = st && st->end_waits;
            if (st && st->waits) {
                st->waits = false;  // The data is offered again instead.
                continue;
            }
            if (!at_head && !at_end && !woken) continue;
            if (s.out && !s.began) continue;
            const auto v = resumed_hook(s, d);
            if (recorded_ != recorded::none) return;
            if (at_head && v != PK_WAIT) {
                side.waits = false;
                if (judge(s, d, v)) pass_head(s, d);
            } else if (at_end && v == PK_NEXT) {
                st->end_waits = false;
                pass_end(lane_of(d), *st);
            }
        }
        if (s.handler && (woken || s.sides[PK_RESPONSE].resume || s.sides[PK_REQUEST].resume)) {
            if (s.sides[PK_REQUEST].at && (woken || s.sides[PK_REQUEST].resume))
                s.sides[PK_REQUEST].at->waits = false;
            const bool answer = woken || s.sides[PK_RESPONSE].resume;
            s.sides[PK_REQUEST].resume = s.sides[PK_RESPONSE].resume = false;
            if (answer && s.handler->hooks.resumed) call(s, s.handler->hooks.resumed);
        }
        if (recorded_ != recorded::none) return;
    }
}

void stream::resume(slot& s, int direction) {
    s.sides[direction].resume = true;
    resumes_ = again_ = true;
}

void stream::wake(slot& s) {
    if (ended_) return;
    s.woken = true;
    resumes_ = true;
    advance();
}

// The response that begins at `place` passes the filters before it, in reverse. What an earlier one
// had under way is dropped. Calls nothing.
void stream::begin_response(int place) {
    ++response_.epoch;
    bury_stages(response_);
    for (std::uint16_t i = 0; i < slot_count_; ++i) slots_[i]->sides[PK_RESPONSE] = {};
    response_.tail.clear();
    announcers_[PK_RESPONSE] = 0;
    response_.end_in = response_.tail_end = response_.flush = false;
    response_.head = head_state::running;
    response_.at = place - 1;
    again_ = true;
    constexpr std::uint32_t looks = PK_ON_RESPONSE_DATA | PK_ON_RESPONSE_END;
    if (route_ && (route_->interest & looks)) build_stages(response_, place - 1, -1, -1);
}

// Where the kernel's own answer begins: where a head is held, or in its hook; else after the last
// filter.
int stream::error_place() const noexcept {
    const auto stands = [](const lane& l) {
        return l.head == head_state::held || l.head == head_state::running;
    };
    if (stands(response_)) return response_.at < 0 ? 0 : response_.at;
    if (stands(request_) && !request_closed_) return request_.at;
    return filter_count_;
}

void stream::local_error(std::uint32_t status, base::end_reason why, std::string_view proxy_error,
                         std::string_view detail) {
    if (ended_) return;
    if (end_.is_complete()) end_ = why;
    if (response_.head == head_state::delivered) {
        abort(why);
        from_->abort(why);
        return;
    }
    const int place = error_place();
    replied_ = true;
    responder_ = nullptr;
    close_request();
    for (std::uint16_t i = static_cast<std::uint16_t>(place); i < slot_count_; ++i)
        slots_[i]->out = true;
    const auto body = local_reply::fill(*this, status, why, proxy_error, detail);
    begin_response(place);
    response_length_ = static_cast<std::int64_t>(body.size());
    set_framing_field(response.headers, response_length_);
    replied_ = true;
    if (response_has_body()) enter(response_, base::slice(body.data(), body.size(), nullptr));
    response_.end_in = true;
    advance();
}

// A plugin broke the contract, or failed.
void stream::plugin_failed(slot& s, const char* what) {
    local_reply::log_plugin_error(*s.instance(), what);
    s.out = true;
    local_error(500, {PK_END_PLUGIN_ERROR, "plugin_error"}, "proxy_internal_error");
}

// Content-Length as `length` says: added, replaced, or removed when it is -1 or the status forbids
// it.
void stream::set_framing_field(http::fields& all, std::int64_t length) {
    const bool is_response = &all == &response.headers;
    if (length < 0 || (is_response && (response.status == 204 || response.status < 200))) {
        all.remove(PK_FIELD_CONTENT_LENGTH);
        return;
    }
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, length).ptr;
    all.set("Content-Length", arena.copy({digits, static_cast<std::size_t>(end - digits)}),
            PK_FIELD_CONTENT_LENGTH);
}

}  // namespace pkernel::stream

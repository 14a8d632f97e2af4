#include "kernel/stream/stream.hpp"

#include <cstring>

#include "kernel/base/check.hpp"
#include "kernel/http/normalise.hpp"
#include "kernel/stream/claims.hpp"
#include "kernel/stream/host_calls.hpp"
#include "kernel/stream/local_reply.hpp"
#include "kernel/stream/record.hpp"
#include "kernel/stream/stream_call.hpp"
#include "kernel/stream/subrequest.hpp"
#include "kernel/stream/tunnel.hpp"
#include "kernel/stream/waker_table.hpp"

namespace pkernel::stream {

namespace {

void write_id(std::uint64_t id, char* out) noexcept {
    static constexpr char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; ++i) out[i] = digits[id >> (60 - 4 * i) & 15];
}

}  // namespace

stream::stream(context& c)
    : arena(c.blocks),
      head(arena),
      request_trailers(arena),
      response(arena),
      response_trailers(arena),
      context_(c),
      kept_(c.blocks, kept_first_bytes, kept_later_bytes),
      claimed_(arena),
      forward_(*this) {}

stream::~stream() = default;

pk_stream* stream::reader() {
    if (!reader_) {
        reader_ = std::make_unique<slot>();
        reader_->owner = this;
        reader_->handle.api = host_calls::table();
    }
    return &reader_->handle;
}

void stream::open(downstream& from, std::shared_ptr<site> where, const listener_plan& listener) {
    from_ = &from;
    account_ = from.account();
    arena.charge_to(account_);
    kept_.charge_to(account_);
    site_ = std::move(where);
    listener_ = &listener;
    started_ = context_.loop.now();
    request = {};
    request.size = sizeof request;
    request.content_length = -1;
    request_.direction = PK_REQUEST;
    response_.direction = PK_RESPONSE;
    write_id(context_.random(), id_);
    request.id = {id_, sizeof id_};
    request.listener = http::to_str(listener.name);
}

net::nanoseconds stream::body_stall() const noexcept {
    const auto& usual = listener_->conf->timeouts.body_stall;
    return route_ ? route_->conf->timeouts.body_stall.value_or(usual) : usual;
}

net::nanoseconds stream::write_stall() const noexcept {
    const auto& usual = listener_->conf->timeouts.write_stall;
    return route_ ? route_->conf->timeouts.write_stall.value_or(usual) : usual;
}

void stream::pin(base::block_ref b) {
    for (auto& p : pinned_)
        if (!p) {
            p = std::move(b);
            return;
        }
    auto* more = arena.make<retained_block>();
    more->block = std::move(b);
    more->next = retained_;
    retained_ = more;
}

void stream::begin(bool expects) {
    expects_ = expects;
    head_method_ = request.method_id == PK_METHOD_HEAD;
    request.client = request.peer;
    if (auto* t = from_->transport(); t && !t->serves(http::to_view(request.host))) {
        claim_fields();
        return local_error(421, {PK_END_REFUSED, "misdirected"}, {},
                           "This connection is not for that host.");
    }
    if (context_.memory == base::memory_level::full) {
        ++context_.refused_for_memory;
        return local_error(503, {PK_END_LIMIT, "memory_overload"}, "proxy_internal_error");
    }
    if (!from_->handshake_was_for_this() && !context_.has_time(*site_)) {
        ++context_.refused_for_load;
        return local_error(503, {PK_END_LIMIT, "overload"}, "proxy_internal_error");
    }
    if (!find_route()) {
        claim_fields();
        return local_error(404, {PK_END_REFUSED, "no_route"}, "destination_not_found",
                           "No route matches this request.");
    }
    claim_fields();
    const auto limit = route_->conf->limits.request_body;
    if (request.content_length > 0 && static_cast<std::uint64_t>(request.content_length) > limit)
        return local_error(413, {PK_END_LIMIT, "request_body_too_large"}, "http_request_error",
                           local_reply::body_limit_text(*this));
    request_.head = head_state::running;
    advance();
}

bool stream::find_route() {
    const auto i = site_->plan->router->find(request, head.headers, listener_->index);
    if (i == route_finder::none) return false;
    attach(*(*site_->plan->routes)[i], 0);
    return true;
}

// Makes the slots of a route's chain, after the first `keep` that stand already.
void stream::attach(const route_plan& r, std::uint16_t keep) {
    route_ = &r;
    request.route = http::to_str(r.label);
    const tunnel_plan* upgrade = tunnel_for(r);
    tunnel_slot_ = nullptr;
    gathered_ = upgrade && keep == 0;
    base::arena& where = upgrade ? kept_ : arena;
    const auto most = keep + r.filters.size() + (r.handler ? 1 : 0) + (upgrade ? 1 : 0);
    if (most == 0) {
        slot_count_ = filter_count_ = 0;
        return;
    }
    auto** slots = static_cast<slot**>(where.allocate(most * sizeof(slot*), alignof(slot*)));
    if (keep) std::memcpy(slots, slots_, keep * sizeof(slot*));
    std::uint16_t n = keep;
    for (const auto& f : r.filters) {
        if (f->interest == 0) continue;  // It is never called.
        bool seen = false;
        for (std::uint16_t i = 0; i < keep; ++i)
            seen = seen || slots[i]->filter->instance == f->instance;
        if (seen) continue;
        slots[n] = make_slot(where, *f->instance, f->hooks.state_size, n);
        slots[n]->filter = f.get();
        ++n;
    }
    filter_count_ = n;
    if (r.handler) {
        slots[n] = make_slot(where, *r.handler->instance, r.handler->hooks.state_size, n);
        slots[n]->handler = r.handler.get();
        ++n;
    }
    if (upgrade) {
        tunnel_slot_ = slots[n] =
            make_slot(where, *upgrade->instance, upgrade->hooks.state_size, n);
        tunnel_slot_->tunnel = upgrade;
        ++n;
    }
    slots_ = slots;
    slot_count_ = n;
    constexpr std::uint32_t looks = PK_ON_REQUEST_DATA | PK_ON_REQUEST_END;
    if ((r.interest & looks) || r.handler) build_stages(request_, keep, slot_count_, 1);
}

slot* stream::make_slot(base::arena& in, const plugin::instance& of, std::uint32_t state_size,
                        std::uint16_t index) {
    slot* s = in.make<slot>();
    s->owner = this;
    s->index = index;
    s->handle.api = host_calls::table();
    s->handle.instance = of.self();
    if (state_size) {
        s->handle.state = in.allocate(state_size, 16);
        std::memset(s->handle.state, 0, state_size);
    }
    return s;
}

// Rule 13 of the ABI: what the client sent under a claimed name, in any spelling, is set aside.
void stream::claim_fields() {
    const claimed_names& names = route_ ? route_->claimed : site_->plan->claimed;
    set_claims_aside(head.headers, names, arena, &claimed_);
}

void stream::refuse(const http::parse_fault& fault, std::uint32_t cause) {
    if (head.method == "HEAD") answers_head();  // Read before what is wrong.
    local_error(fault.status, {cause, fault.cause}, "http_request_error");
}

void stream::abort(base::end_reason why) {
    if (ended_) return;
    if (end_.is_complete()) end_ = why;
    ended_ = true;
    // Who was cut off in a tunnel leaves the other end as cut.
    forward_.cancel(tunnelling() && why.cause == PK_END_CLIENT_ABORT);
}

void stream::request_failed(std::uint32_t status, base::end_reason why, std::string_view detail) {
    local_error(status, why, "http_request_error", detail);
}

void stream::finish() {
    ended_ = true;
    if (patience_) patience_->cancel();
    if (tunnel_) tunnel_->stop();
    if (children) subrequest_table::end_children(*this);
    forward_.cancel();
    for (std::uint16_t i = 0; i < slot_count_; ++i) {
        slot& s = *slots_[i];
        for (slot_timer* t = s.timers; t; t = t->next) t->timer.cancel();
        if (!s.began) continue;
        const auto hook =
            s.filter
                ? (s.filter->interest & PK_ON_STREAM_END ? s.filter->hooks.stream_end : nullptr)
            : s.tunnel ? s.tunnel->hooks.stream_end
                       : s.handler->hooks.stream_end;
        if (hook) call(s, [&](pk_stream* h) { hook(h, end_.cause); });
        context_.wakers->forget(s.waker);
    }
    write_records();
    reset();
}

void stream::write_records() {
    const auto& top = site_->plan->logs;
    if (depth > 0) return;
    if (top.empty() && listener_->logs.empty() && (!route_ || route_->logs.empty())) return;
    pk_record r{};
    fill_record(*this, r);
    for (const auto* logs : {&top, &listener_->logs, route_ ? &route_->logs : nullptr}) {
        if (!logs) continue;
        for (const auto& l : *logs) {
            plugin::call_marker mark(context_.marker, l->instance->number());
            l->hooks.record(l->instance->self(), &r);
        }
    }
}

// As new: for the next request. Storage that is kept warm stays.
void stream::reset() {
    clear_lane(request_);
    clear_lane(response_);
    for (stage* st = std::exchange(dead_stages_, nullptr); st; st = st->next) st->~stage();
    if (tunnel* t = std::exchange(tunnel_, nullptr)) t->~tunnel();
    tunnel_slot_ = nullptr;
    upgrade_ = {};
    for (std::uint16_t i = 0; i < slot_count_; ++i) slots_[i]->~slot();
    slots_ = nullptr;
    slot_count_ = filter_count_ = 0;
    while (retained_block* r = retained_) {
        retained_ = r->next;
        r->~retained_block();
    }
    for (auto& p : pinned_) p.reset();
    forward_.reset();
    for (http::fields* f :
         {&head.headers, &request_trailers, &response.headers, &response_trailers, &claimed_})
        f->forget();
    head.method = head.target = {};
    made_values = nullptr;
    depth = 0;
    arena.reset();
    arena.charge_to(nullptr);
    kept_.reset();
    kept_.charge_to(nullptr);
    gathered_ = false;
    account_ = nullptr;
    site_.reset();
    route_ = nullptr;
    listener_ = nullptr;
    from_ = nullptr;
    recorded_ = recorded::none;
    recorded_by_ = responder_ = nullptr;
    forwarding_ = advancing_ = again_ = resumes_ = drains_ = ended_ = expects_ = reroute_ = false;
    request_closed_ = replied_ = head_method_ = in_informational_ = false;
    reroutes_ = 0;
    response_length_ = -1;
    request_bytes_ = response_bytes = 0;
    announcers_[PK_REQUEST] = announcers_[PK_RESPONSE] = 0;
    plugin_memory_ = retained_bytes_ = 0;
    end_ = {};
    annotations_ = {};
    response.status = 0;
}

bool stream::response_has_body() const noexcept {
    if (tunnelling()) return true;
    const auto s = response.status;
    return !head_method_ && s != 204 && s != 304 && s >= 200;
}

// --- the handler's side
// -----------------------------------------------------------------------------------

void stream::response_informational() {
    if (ended_ || response_.head != head_state::none) return;
    if (request.flags & PK_REQUEST_HTTP10) return;
    for (int i = filter_count_ - 1; i >= 0; --i) {
        slot& s = *slots_[i];
        if (!(s.filter->interest & PK_ON_INFORMATIONAL) || !s.began || s.out) continue;
        in_informational_ = true;
        const auto v = call(s, s.filter->hooks.informational);
        in_informational_ = false;
        if (recorded_ != recorded::none) {
            advance();
            return;
        }
        if (v != PK_NEXT) return;
    }
    from_->send_informational(response.status, response.headers);
    response.status = 0;
}

void stream::response_head(std::int64_t length) {
    if (ended_ || replied_) return;
    response_length_ = length;
    if (response.status == 101) tunnel_ = kept_.make<tunnel>(*this, *tunnel_slot_);
    begin_response(judge_count());
    advance();
}

void stream::response_data(base::slice data) {
    if (ended_ || replied_) return;
    if (tunnel_) tunnel_->moved();
    enter(response_, std::move(data));
    if (response_.first && !response_.first->in.empty()) advance();
}

void stream::response_end() {
    if (ended_ || replied_) return;
    response_.end_in = true;
    advance();
}

bool stream::wants_response() noexcept {
    if (ended_ || replied_) return false;
    const bool held = tunnel_ && !tunnelling();  // The 101 is.
    if (!held && has_room(response_)) return true;
    response_.paused = true;
    return false;
}

void stream::request_drained() {
    if (!ended_ && !runs_freely(request_)) advance();
}

// Of a tunnel: nothing is held up in that direction or asked for, so that room there changes
// nothing.
bool stream::runs_freely(const lane& l) const noexcept {
    return tunnelling() && !l.first && !l.paused && !l.end_in && l.tail.empty() && !again_ &&
           recorded_ == recorded::none;
}

// --- the downstream side
// ----------------------------------------------------------------------------------

void stream::request_data(base::slice data) {
    if (ended_ || request_closed_) return;
    request_bytes_ += data.size();
    if (tunnelling())
        tunnel_->moved();
    else if (route_ && request_bytes_ > route_->conf->limits.request_body)
        return local_error(413, {PK_END_LIMIT, "request_body_too_large"}, "http_request_error",
                           local_reply::body_limit_text(*this));
    enter(request_, std::move(data));
    if (request_.first && !request_.first->in.empty()) advance();
}

void stream::request_end() {
    if (ended_ || request_closed_) return;
    if (!request_trailers.empty()) {
        set_claims_aside(request_trailers, route_->claimed, arena, nullptr);
        http::remove_forbidden_trailers(request_trailers);
    }
    request_.end_in = true;
    advance();
}

bool stream::wants_request() noexcept {
    if (ended_ || request_closed_) return false;
    // Behind a request to switch: a tunnel's, if there will be one.
    const bool held = tunnel_slot_ && request_.end_in && !tunnelling();
    if (!held && has_room(request_)) return true;
    request_.paused = true;
    return false;
}

int stream::body_sink() noexcept {
    const bool alone = forwarding_ && !request_.first && request_.tail.empty() && !tunnel_slot_;
    return alone && !ended_ && !request_closed_ ? forward_.body_sink() : -1;
}

void stream::body_spliced(std::uint64_t bytes) noexcept {
    request_bytes_ += bytes;
    forward_.body_spliced();
}

void stream::response_drained() {
    if (!ended_ && !runs_freely(response_)) advance();
}

bool stream::unfiltered_response() const noexcept {
    return !response_.first && response_.head == head_state::delivered && response_.tail.empty();
}

}  // namespace pkernel::stream

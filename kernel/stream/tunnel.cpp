#include "kernel/stream/tunnel.hpp"

#include <algorithm>

#include "kernel/base/log.hpp"
#include "kernel/http/characters.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_call.hpp"
#include "kernel/stream/survivors.hpp"

namespace pkernel::stream {

namespace {

constexpr std::uint64_t longest_ns = 366ull * 86'400 * 1'000'000'000;

net::nanoseconds bounded(std::uint64_t ns) noexcept {
    return net::nanoseconds(std::min(ns, longest_ns));
}

}  // namespace

tunnel::tunnel(stream& s, slot& who)
    : stream_(s),
      who_(who),
      idle_(
          s.route()->conf->timeouts.tunnel_idle.value_or(s.listener().conf->timeouts.tunnel_idle)),
      timer_([](void* self) { static_cast<tunnel*>(self)->expire(); }, this) {}

void tunnel::begin() {
    open_ = true;
    last_byte_ = began_ = stream_.in().loop.now();
    watch();
}

void tunnel::moved() noexcept {
    last_byte_ = stream_.in().loop.now();
}

// One timer for all of it. It may come early, for a byte since moves the idle limit.
void tunnel::watch() {
    if (!open_) return;
    constexpr auto never = net::instant::max();
    auto next = goodbye_until_.count() ? goodbye_until_ : never;
    if (!settled_) next = began_;
    if (idle_.count() && !told_[PK_TUNNEL_IDLE]) next = std::min(next, last_byte_ + idle_);
    if (life_.count() && !told_[PK_TUNNEL_LIFE]) next = std::min(next, began_ + life_);
    if (next == never) return timer_.cancel();
    timer_.arm(stream_.in().loop.timers(), next);
}

void tunnel::expire() {
    if (stream_.ended()) return;
    if (!std::exchange(settled_, true)) stream_.settle();
    const auto now = stream_.in().loop.now();
    if (goodbye_until_.count() && now >= goodbye_until_) return end(why_);
    if (life_.count() && !told_[PK_TUNNEL_LIFE] && now >= began_ + life_)
        return ran_out(PK_TUNNEL_LIFE, {PK_END_TIMEOUT, "tunnel_life"});
    if (idle_.count() && !told_[PK_TUNNEL_IDLE] && now >= last_byte_ + idle_)
        return ran_out(PK_TUNNEL_IDLE, {PK_END_TIMEOUT, "tunnel_idle"});
    watch();
}

void tunnel::ran_out(std::uint32_t which, base::end_reason why) {
    told_[which] = true;
    const auto hook = who_.tunnel->hooks.limit;
    if (!hook || who_.out) return end(why);
    if (goodbye_until_.count() == 0) {
        why_ = why;
        goodbye_until_ = stream_.in().loop.now() + goodbye_max;
    }
    // What follows is because of the limit, however orderly it is.
    if (stream_.end_.is_complete()) stream_.end_ = why;
    watch();
    stream_.call(who_, [&](pk_stream* h) { hook(h, which); });
    stream_.advance();
}

void tunnel::end(base::end_reason why) {
    timer_.cancel();
    stream_.local_error(504, why);
}

void tunnel::drain(net::nanoseconds left) {
    if (!open_ || std::exchange(left > net::nanoseconds(0) ? drained_ : left_, true)) return;
    const auto hook = who_.tunnel->hooks.drain;
    if (!hook || who_.out) return;
    stream_.call(who_, [&](pk_stream* h) { hook(h, static_cast<std::uint64_t>(left.count())); });
    stream_.advance();
}

// --- the plugin's functions
// ------------------------------------------------------------------------------------------------

tunnel* tunnel::of(pk_stream* h) noexcept {
    const slot& s = slot::of(h);
    tunnel* t = s.owner->tunnel_;
    return t && &t->who_ == &s && !s.out && !s.owner->ended() ? t : nullptr;
}

// The 101 is held by its plugin.
bool tunnel::in_accepted() const noexcept {
    return !open_ && !who_.sides[PK_RESPONSE].passed;
}

pk_status tunnel::set_interest(pk_stream* h, std::uint32_t direction, std::uint32_t interest) {
    if (direction > PK_RESPONSE || (interest & ~std::uint32_t{PK_TUNNEL_DATA})) return PK_INVALID;
    tunnel* t = of(h);
    if (!t) return PK_WRONG_STATE;
    auto& side = t->who_.sides[direction];
    if (interest && !side.interest && !t->in_accepted()) return PK_WRONG_STATE;
    side.interest = interest;
    t->stream_.again_ = true;
    return PK_OK;
}

pk_status tunnel::set_limits(pk_stream* h, std::uint64_t idle_ns, std::uint64_t life_ns) {
    tunnel* t = of(h);
    if (!t) return PK_WRONG_STATE;
    if (idle_ns != PK_TUNNEL_AS_IS) t->idle_ = bounded(idle_ns);
    if (life_ns != PK_TUNNEL_AS_IS) t->life_ = bounded(life_ns);
    t->last_byte_ = t->began_ = t->stream_.in().loop.now();
    t->watch();
    return PK_OK;
}

pk_status tunnel::transform(slot& s, std::uint32_t direction) {
    tunnel* t = of(&s.handle);
    if (!t || !t->in_accepted()) return PK_WRONG_STATE;
    s.sides[direction].transforms = true;
    return PK_OK;
}

const void* tunnel::service() noexcept {
    static const pk_tunnel_service table{sizeof table, 0, &set_interest, &set_limits};
    return &table;
}

// --- the stream's part
// ------------------------------------------------------------------------------------------------

bool stream::tunnelling() const noexcept {
    return tunnel_ && tunnel_->open();
}

bool stream::moves_alone(int direction) const noexcept {
    const lane& l = direction == PK_REQUEST ? request_ : response_;
    return tunnelling() && !ended_ && (!l.first || passes_by(l)) && l.tail.empty();
}

void stream::tunnel_moved() noexcept {
    tunnel_->moved();
}

int stream::splice_sink() const noexcept {
    return moves_alone(PK_REQUEST) ? forward_.splice_sink() : -1;
}

void stream::request_spliced(std::uint64_t bytes) noexcept {
    request_bytes_ += bytes;
    tunnel_->moved();
}

void stream::sink_waits() {
    request_.paused = true;
    forward_.sink_waits();
}

void stream::drain_tunnel(net::nanoseconds left) {
    if (tunnel_ && !ended_) tunnel_->drain(left);
}

void stream::tell_tunnel(survivors& left) {
    if (!tunnelling() || ended_) return;
    if (!left.have(tunnel_slot_->tunnel->instance.get(), route_->label))
        tunnel_->drain(net::nanoseconds(0));
}

// The tunnel of the first protocol that the client names and the route lists. Notes in the request
// whether there is one.
const tunnel_plan* stream::tunnel_for(const route_plan& r) {
    upgrade_ = {};
    request.flags &= ~std::uint32_t{PK_REQUEST_UPGRADE};
    for (auto left = http::to_view(request.upgrade); !left.empty();) {
        const auto wanted = http::next_element(left);
        for (const auto& t : r.upgrades)
            for (const auto& protocol : t->protocols)
                if (http::same_text(protocol, wanted)) {
                    upgrade_ = protocol;
                    request.flags |= PK_REQUEST_UPGRADE;
                    return t.get();
                }
    }
    return nullptr;
}

// Its Upgrade is not passed on. What the operator may have forgotten is named (behaviour F5).
void stream::note_plain_upgrade() const {
    static base::repeat_limit line;
    base::log(base::log_level::info,
              "route '" + route_->label + "': a request for the protocol '" +
                  std::string(http::to_view(request.upgrade).substr(0, 64)) +
                  "' goes on as a plain one, since no plugin of the route's key 'upgrade' takes it",
              line);
}

// The client has the 101. Filters have seen their last of it; both lanes begin anew, past them.
void stream::open_tunnel() {
    tunnel_->begin();
    for (int i = 0; i < filter_count_; ++i)
        for (auto& side : slots_[i]->sides) {
            side = {};
            side.passed = side.finished = true;
        }
    for (lane* l : {&request_, &response_}) {
        bury_stages(*l);
        ++l->epoch;
        l->end_in = l->tail_end = l->end_delivered = l->flush = false;
        auto& side = tunnel_slot_->sides[l->direction];
        side.at = nullptr;
        if (side.interest || tunnel_slot_->tunnel->hooks.end)
            ensure_stage(*tunnel_slot_, l->direction)->waits = false;
    }
    again_ = true;
    if (context_.draining) return tunnel_->drain(context_.drain_left());
    // A reload came between the request and its 101.
    if (site_ == context_.current) return;
    survivors newest(*context_.current->plan);
    tell_tunnel(newest);
}

}  // namespace pkernel::stream

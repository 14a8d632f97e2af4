// Attempts: which endpoint is asked next, on what connection, and what may follow a failure.

#include "kernel/base/log.hpp"
#include "kernel/http/head.hpp"
#include "kernel/net/socket.hpp"
#include "kernel/stream/forward.hpp"
#include "kernel/stream/host_calls.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

namespace {

using upstream::failure_kind;

// What an origin's failure means to the client: status, our word, RFC 9209's.
struct outcome {
    std::uint32_t status;
    base::end_reason why;
    std::string_view proxy_error;
};

outcome outcome_of(const upstream::failure& f) noexcept {
    switch (f.kind) {
        case failure_kind::connect_refused:
            return {502, {PK_END_UNREACHABLE, "connect_refused"}, "connection_refused"};
        case failure_kind::connect_unreachable:
            return {502, {PK_END_UNREACHABLE, "connect_unreachable"}, "destination_ip_unroutable"};
        case failure_kind::connect_timeout:
            return {504, {PK_END_TIMEOUT, "connect_timeout"}, "connection_timeout"};
        case failure_kind::no_resources:
            return {503, {PK_END_LIMIT, "no_resources"}, "proxy_internal_error"};
        case failure_kind::handshake_failed:
            return {
                502, {PK_END_UNREACHABLE, "upstream_handshake_failed"}, "connection_terminated"};
        case failure_kind::send_timeout:
            return {504, {PK_END_TIMEOUT, "upstream_send_timeout"}, "connection_write_timeout"};
        case failure_kind::response_timeout:
            return {504, {PK_END_TIMEOUT, "response_head_timeout"}, "http_response_timeout"};
        case failure_kind::stall_timeout:
            return {504, {PK_END_TIMEOUT, "upstream_stall"}, "connection_read_timeout"};
        case failure_kind::closed:
            return {502, {PK_END_ORIGIN_ABORT, "upstream_closed"}, "connection_terminated"};
        case failure_kind::reset:
            return {502, {PK_END_ORIGIN_ABORT, "upstream_reset"}, "connection_terminated"};
        case failure_kind::bad_response:
            return {502, {PK_END_PROTOCOL, f.fault.cause}, "http_protocol_error"};
    }
    return {502, {PK_END_ORIGIN_ABORT, "upstream_reset"}, "connection_terminated"};
}

std::uint32_t fail_code(failure_kind kind) noexcept {
    switch (kind) {
        case failure_kind::connect_refused:
            return PK_FAIL_REFUSED;
        case failure_kind::connect_unreachable:
            return PK_FAIL_UNREACHABLE;
        case failure_kind::connect_timeout:
            return PK_FAIL_CONNECT_TIMEOUT;
        case failure_kind::no_resources:
            return PK_FAIL_LOCAL;
        case failure_kind::handshake_failed:
            return PK_FAIL_TRANSPORT;
        case failure_kind::send_timeout:
            return PK_FAIL_SEND_TIMEOUT;
        case failure_kind::response_timeout:
            return PK_FAIL_HEAD_TIMEOUT;
        case failure_kind::stall_timeout:
            return PK_FAIL_BODY;
        case failure_kind::closed:
        case failure_kind::reset:
            return PK_FAIL_RESET;
        case failure_kind::bad_response:
            break;
    }
    return PK_FAIL_PROTOCOL;
}

}  // namespace

pk_status forward::field_of_pick(const pk_pick* choice, pk_str name, pk_str value) noexcept {
    stream& s = *slot::of(choice->stream).owner;
    forward& f = s.forward_;
    if (!f.picking_) return PK_WRONG_STATE;
    const auto id = http::field_id(http::to_view(name));
    if (!http::is_token(http::to_view(name)) || !http::is_field_value(http::to_view(value)) ||
        is_kernels_field(id))
        return PK_INVALID;
    if (f.ask_->picked_count == picked_fields_max) return PK_NO_MEMORY;
    f.ask_->picked_fields[f.ask_->picked_count++] = {
        http::to_str(s.arena.copy(http::to_view(name))),
        http::to_str(s.arena.copy(http::to_view(value))), id, 0};
    return PK_OK;
}

std::uint32_t forward::others_left() const noexcept {
    return chooser_->left(ask_->tried, stream_.in().loop.now());
}

// The endpoint of the next attempt, counted where it counts. False: there is none.
bool forward::choose() {
    if (pinned_.index != PK_NO_ENDPOINT) {
        endpoint_ = pinned_.index;
        return true;
    }
    auto& tried = ask_->tried;
    const auto asked = tried.count;
    for (;;) {
        ask_->picked_count = 0;
        picking_ = true;
        const auto now = stream_.in().loop.now();
        const auto index = chooser_->pick(tried, now, stream_.reader(), &field_of_pick);
        picking_ = false;
        const bool got = index != PK_NO_ENDPOINT && chooser_->reserve(index, now, &trial_);
        if (got || index == PK_NO_ENDPOINT) tried.count = asked;
        if (index == PK_NO_ENDPOINT) return false;
        tried.index[tried.count++] = index;
        if (!got) continue;  // Taken meanwhile: another one.
        reserved_ = true;
        endpoint_ = index;
        return true;
    }
}

// The same for the next attempt: who waited has one; who comes first while others wait has none.
bool forward::find_place() {
    if (std::exchange(chosen_, false)) return true;
    const bool first = attempts_ == 0 && pinned_.index == PK_NO_ENDPOINT && ask_->tried.count == 0;
    return first && others_wait() ? false : choose();
}

// For a place: it may be long until an endpoint is up again, so nobody stands in line behind those
// that wait for that.
bool forward::others_wait() const noexcept {
    return chooser_->anybody_waits() && !chooser_->all_down();
}

// There is no place. True: it waits for one, or may not and was refused. Who was somewhere already
// waits only for those that are full, not tried. One that a plugin had refuse an endpoint does not
// wait: what is free is not for it.
bool forward::wait_for_place() {
    const auto& conf = *chooser_->of().conf;
    if (pinned_.index != PK_NO_ENDPOINT || conf.queue_max == 0) return false;
    const bool first = attempts_ == 0;
    if (!(first && others_wait()) && chooser_->full(ask_->tried) == 0) return false;
    auto& loop = stream_.in().loop;
    if (!chooser_->door(loop).enter(ask_->waiter, conf.queue_max)) {
        if (first) refuse({PK_END_LIMIT, "queue_full"}, "Too many requests wait for the upstream.");
        return first;
    }
    queued_ = true;
    queued_since_ = loop.now();
    ask_->queue_timer.arm(loop.timers(), loop.now() + conf.queue_timeout - queue_time_);
    return true;
}

bool forward::take_place() {
    return chosen_ = choose();
}

// The time in the queue is none of the attempts'.
void forward::go_on_from_queue() {
    queued_ = false;
    ask_->queue_timer.cancel();
    const auto now = stream_.in().loop.now();
    if (attempts_ == 0) first_attempt_ = now;
    queue_time_ += now - queued_since_;
    attempt(false);
}

void forward::leave_queue() {
    if (!std::exchange(queued_, false)) return;
    ask_->queue_timer.cancel();
    auto& loop = stream_.in().loop;
    queue_time_ += loop.now() - queued_since_;
    chooser_->door(loop).leave(ask_->waiter);
}

void forward::queue_expired() {
    leave_queue();
    refuse({PK_END_TIMEOUT, "queue_timeout"}, "No place at the upstream came free in time.");
}

// Whether the endpoint of the last attempt may have the next one, too.
bool forward::may_ask_again() {
    if (chooser_->is_up(endpoint_)) return true;
    trial_ = PK_TRIAL_FORCED;
    return chooser_->of().conf->try_all_down;
}

// The upstream as it is now: since the request began names may stand for other endpoints, or
// another config has come. One that has left the config is what it was.
upstream::chooser* forward::newest() const noexcept {
    const auto& now = stream_.in().current;
    const site& began = stream_.where();
    if (!now || now == later_ || now.get() == &began || pinned_.index != PK_NO_ENDPOINT)
        return chooser_;
    if (now->plan->model == began.plan->model)
        return now->choosers[stream_.route()->upstream].get();
    for (const auto& c : now->choosers)
        if (c->of().name == chooser_->of().name) return c.get();
    return chooser_;
}

// What is still to be tried are the endpoints that the upstream has now; the request goes on by the
// route that it began with. False: the endpoint of the last attempt is not among them.
bool forward::take_new_endpoints() {
    const upstream::chooser& before = *chooser_;
    upstream::chooser& next = *newest();
    const auto now_of = [&](std::uint32_t index) {
        return index == PK_NO_ENDPOINT ? index : next.index_of(before.of().endpoints[index]);
    };
    auto& tried = ask_->tried;
    const auto count = std::exchange(tried.count, 0);
    for (std::uint32_t i = 0; i < count; ++i)
        if (const auto now = now_of(tried.index[i]); now != PK_NO_ENDPOINT)
            tried.index[tried.count++] = now;
    const auto last = now_of(endpoint_);
    // Another balancer may count where this one did not.
    if (last == PK_NO_ENDPOINT || before.counts(endpoint_) != next.counts(last)) release();
    chooser_ = &next;
    endpoint_ = last;
    const auto newest = stream_.in().current;
    if (!later_ && newest->plan->model == stream_.where().plan->model)
        stream_.move_to(newest);
    else
        later_ = newest;
    return last != PK_NO_ENDPOINT;
}

// Tries the next endpoint, or the same one again. Requires that no connection is in use.
void forward::attempt(bool same) {
    if (newest() != chooser_ && !take_new_endpoints()) same = false;
    for (bool vetoed = false;; same = false) {
        if (same && !may_ask_again()) {  // Health has taken it out meanwhile: another one.
            release();
            same = false;
        }
        if (!same && !find_place()) {
            if (!vetoed && wait_for_place()) return;
            if (attempts_ > 0 && !answered_) return give_up(ask_->last_failure);
            if (chooser_->all_down())
                return refuse({PK_END_UNREACHABLE, "upstream_down"}, "Every endpoint is down.");
            return refuse({PK_END_UNREACHABLE, "no_endpoint"}, "No endpoint is usable.");
        }
        const auto verdict = admit();
        if (verdict == PK_ATTEMPT_PASS) break;
        vetoed = true;
        end_attempt(PK_FAIL_VETO);
        release();
        if (verdict == PK_ATTEMPT_GIVE_UP) return refuse({PK_END_REFUSED, "attempt_refused"}, {});
    }
    ++attempts_;
    reused_ = false;
    if (pinned_.index != PK_NO_ENDPOINT || !take_pooled()) connect(endpoint_);
}

// True: an idle connection was there, and the request is on its way.
bool forward::take_pooled() {
    auto& peers = chooser_->peers(endpoint_);
    const auto& e = chooser_->of().endpoints[endpoint_];
    const auto& r = stream_.request;
    const bool careful = !(r.flags & PK_REQUEST_IDEMPOTENT);
    const auto margin =
        careful ? net::nanoseconds(std::chrono::milliseconds(500)) : net::nanoseconds(0);
    while (upstream::connection* c = peers.take(margin)) {
        // A request that must not run twice does not meet a FIN that lies there already.
        if ((careful && c->is_stale()) || (e.named && !upstream::is_at(e, c->peer()))) {
            c->abandon();
            continue;
        }
        conn_ = c;
        reused_ = true;
        send_head();
        return true;
    }
    return false;
}

// A fresh connection to the endpoint, by whichever of its addresses answers.
void forward::connect(std::uint32_t index) {
    const auto& e = chooser_->of().endpoints[index];
    auto& in = stream_.in();
    auto* c = new upstream::connection(in.loop, in.blocks, chooser_->peers(index).key());
    const upstream::destination to{&e.addresses, &e.shared->best_address, pinned_.port};
    const upstream::connection::transport_use through{chooser_->of().transport, &in.sessions,
                                                      e.peer_name};
    upstream::failure why{};
    if (c->connect(to, through, chooser_->of().conf->timeouts.connect, *this, &why)) {
        conn_ = c;
        return;
    }
    c->abandon();
    on_failure(why);
}

void forward::release() noexcept {
    if (std::exchange(reserved_, false)) chooser_->release(endpoint_);
}

// The connection is gone. What was sent and what came back decides what may follow.
void forward::on_failure(const upstream::failure& why) {
    conn_ = nullptr;
    splice_.end();
    const bool was_connected = std::exchange(connected_, false);
    if (ask_) ask_->last_failure = why;
    // Another endpoint would fare no better for want of a descriptor.
    const bool ours = why.kind == failure_kind::no_resources;
    if (got_head_ || ours) {
        running_ = false;
        end_attempt(ours ? PK_FAIL_LOCAL : PK_FAIL_BODY);
        return give_up(why);
    }
    if (renew(why, was_connected)) return;
    after_failure(fail_code(why.kind), was_connected);
}

bool forward::connect_time_left() const noexcept {
    return stream_.in().loop.now() - first_attempt_ < chooser_->of().conf->timeouts.connect;
}

// What still belongs to this attempt. True: it goes on.
bool forward::renew(const upstream::failure& why, bool was_connected) {
    if (!was_connected) return false;
    // A pooled connection that had gone stale: the same endpoint on a fresh one. Nothing came back,
    // and running it again changes nothing, or it never left; its body is still whole.
    const bool unharmed =
        (stream_.request.flags & PK_REQUEST_IDEMPOTENT) || why.request == upstream::sent::nothing;
    const bool stale = why.kind == failure_kind::closed || why.kind == failure_kind::reset;
    if (!reused_ || !stale || why.got_bytes || !unharmed || pinned_.index != PK_NO_ENDPOINT ||
        (body_began_ && !ask_->replay.whole()))
        return false;
    reused_ = false;
    renewed_ = true;
    if (body_began_) rewind();
    connect(endpoint_);
    return true;
}

// The body waits again from its first byte on.
void forward::rewind() {
    ask_->waiting.clear();
    ask_->replay.rewind();
}

// The attempt has failed: another one, or the end.
void forward::after_failure(std::uint32_t failure, bool was_connected) {
    next_step next;
    if (pinned_.index == PK_NO_ENDPOINT)
        next = policy_->uses.empty() ? own_rule(was_connected) : ask_plugins(failure);
    end_attempt(failure);
    if (!may_follow(next, was_connected)) return give_up(ask_->last_failure);
    note_failure(outcome_of(ask_->last_failure).why.word);
    follow(next, was_connected);
}

// Without a plugin: after a connect that failed another endpoint, within one connect timeout; after
// a fresh connection that died without a byte once elsewhere, or here again. No origin sees a
// request three times.
forward::next_step forward::own_rule(bool was_connected) {
    next_step next;
    const bool others = others_left() > 0;
    if (!was_connected) {
        if (others && attempts_ < attempts_max && connect_time_left())
            next.verdict = PK_ATTEMPT_OTHER;
        return next;
    }
    const auto kind = ask_->last_failure.kind;
    const bool died = kind == failure_kind::closed || kind == failure_kind::reset;
    if (!died || ask_->last_failure.got_bytes || std::exchange(replayed_, true)) return next;
    if (others)
        next.verdict = PK_ATTEMPT_OTHER;
    else if (!renewed_)
        next.verdict = PK_ATTEMPT_SAME;
    return next;
}

// What no plugin may pass by.
bool forward::may_follow(next_step& next, bool was_connected) {
    const bool retry = next.verdict == PK_ATTEMPT_OTHER || next.verdict == PK_ATTEMPT_SAME;
    if (!retry || attempts_ >= attempts_limit) return false;
    if (next.verdict == PK_ATTEMPT_OTHER && others_left() == 0) return false;
    if (!was_connected) return true;  // The upstream has seen nothing of it.
    if (body_began_ && !ask_->replay.whole()) return false;
    if (ask_->last_failure.request == upstream::sent::nothing) return true;
    if (!next.unsafe && !(stream_.request.flags & PK_REQUEST_IDEMPOTENT)) return false;
    over_budget_ = !chooser_->budget().take(stream_.in().loop.now());
    return !over_budget_;
}

void forward::follow(const next_step& next, bool was_connected) {
    if (was_connected && body_began_) rewind();
    same_ = next.verdict == PK_ATTEMPT_SAME;
    if (!same_) release();
    if (next.delay <= net::nanoseconds(0)) return attempt(same_);
    auto& loop = stream_.in().loop;
    ask_->delay_timer.arm(loop.timers(), loop.now() + std::min(next.delay, delay_max));
}

// A response whose status a plugin may send elsewhere. True: it is dropped, another attempt
// follows.
bool forward::retries_status() {
    const auto status = stream_.response.status;
    if (!policy_->judged.has(status) || pinned_.index != PK_NO_ENDPOINT) return false;
    ask_->last_failure = {failure_kind::bad_response, true, conn_->request_sent(), {}, {}};
    next_step next = ask_plugins(PK_FAIL_STATUS);
    if (!may_follow(next, true)) {
        over_budget_ = false;  // The response is no failure: the client gets it.
        return false;
    }
    answered_ = true;
    end_attempt(PK_FAIL_STATUS);
    char digits[3] = {static_cast<char>('0' + status / 100),
                      static_cast<char>('0' + status / 10 % 10),
                      static_cast<char>('0' + status % 10)};
    note_failure({digits, sizeof digits});
    std::exchange(conn_, nullptr)->abandon();
    connected_ = false;
    stream_.response.status = 0;
    stream_.response.headers.clear();
    follow(next, true);
    return true;
}

void forward::note_failure(std::string_view word) {
    failed_ = stream_.arena.join(failed_, failed_.empty() ? "" : ", ", endpoint_name(), "=", word);
}

void forward::give_up(const upstream::failure& why) {
    running_ = false;
    release();
    if (ask_) ask_->continue_timer.cancel();
    auto o = outcome_of(why);
    if (pinned_.index == PK_NO_ENDPOINT || !why.detail.empty()) log_failure(why, o.why.word);
    if (over_budget_) {
        note_failure(o.why.word);
        o.why = {PK_END_LIMIT, "retry_budget"};
    }
    stream_.local_error(o.status, o.why, o.proxy_error);
}

// No endpoint, or none that a plugin allows.
void forward::refuse(base::end_reason why, std::string_view detail) {
    running_ = false;
    ask_->continue_timer.cancel();
    stream_.local_error(503, why, "destination_unavailable", detail);
}

// Of a request that fails by it; a probe's outcome is told by who probes.
void forward::log_failure(const upstream::failure& why, std::string_view word) const {
    static base::repeat_limit detailed, plain;  // What a transport says is not to be missed.
    if (!base::log_enabled(base::log_level::warning)) return;
    const auto id = stream_.request.id;
    base::log(base::log_level::warning,
              "upstream '" + std::string(upstream_name()) + "', endpoint " +
                  std::string(endpoint_name()) + ": " + std::string(word) +
                  (why.detail.empty() ? "" : ", " + why.detail) + " (request " +
                  std::string(http::to_view(id)) + ')',
              why.detail.empty() ? plain : detailed);
}

}  // namespace pkernel::stream

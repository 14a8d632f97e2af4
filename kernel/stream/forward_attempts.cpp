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

}  // namespace

pk_status forward::field_of_pick(const pk_pick* choice, pk_str name, pk_str value) noexcept {
    stream& s = *slot::of(choice->stream).owner;
    forward& f = s.forward_;
    if (!f.picking_) return PK_WRONG_STATE;
    const auto id = http::field_id(http::to_view(name));
    if (!http::is_token(http::to_view(name)) || !http::is_field_value(http::to_view(value)) ||
        is_kernels_field(id))
        return PK_INVALID;
    if (f.picked_count_ == picked_fields_max) return PK_NO_MEMORY;
    f.picked_fields_[f.picked_count_++] = {http::to_str(s.arena.copy(http::to_view(name))),
                                           http::to_str(s.arena.copy(http::to_view(value))), id, 0};
    return PK_OK;
}

// The endpoint of the next attempt, counted where it counts. False: there is none.
bool forward::choose() {
    if (pinned_.index != PK_NO_ENDPOINT) {
        endpoint_ = pinned_.index;
        return true;
    }
    for (;;) {
        picked_count_ = 0;
        picking_ = true;
        const auto index = chooser_->pick(tried_, stream_.reader(), &field_of_pick);
        picking_ = false;
        if (index == PK_NO_ENDPOINT) return false;
        tried_.index[tried_.count++] = index;
        if (!chooser_->reserve(index)) continue;  // Filled up meanwhile: another one.
        reserved_ = true;
        endpoint_ = index;
        return true;
    }
}

// Tries the next endpoint. Requires that no connection is in use.
void forward::attempt() {
    if (!choose()) {
        if (attempts_ > 0) return give_up(last_failure_);
        running_ = false;
        return stream_.local_error(503, {PK_END_UNREACHABLE, "no_endpoint"},
                                   "destination_unavailable", "No endpoint is usable.");
    }
    ++attempts_;
    address_ = 0;
    attempt_start_ = stream_.in().loop.now();
    reused_ = false;
    if (pinned_.index != PK_NO_ENDPOINT || !take_pooled()) connect(endpoint_);
}

// True: an idle connection was there, and the request is on its way.
bool forward::take_pooled() {
    auto& peers = chooser_->peers(endpoint_);
    const auto& r = stream_.request;
    const bool careful = !(r.flags & PK_REQUEST_IDEMPOTENT);
    const auto margin =
        careful ? net::nanoseconds(std::chrono::milliseconds(500)) : net::nanoseconds(0);
    while (upstream::connection* c = peers.take(margin)) {
        // A request that must not run twice does not meet a FIN that lies there already.
        if (careful && c->is_stale()) {
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

// A fresh connection to an address of the endpoint: the next one when the last could not be
// reached.
void forward::connect(std::uint32_t index) {
    const auto& e = chooser_->of().endpoints[index];
    auto& in = stream_.in();
    for (; address_ < e.addresses.size(); ++address_) {
        auto* c = new upstream::connection(in.loop, in.blocks, chooser_->peers(index).key());
        upstream::failure why;
        auto to = e.addresses[address_];
        if (pinned_.port && to.family() != AF_UNIX) to.set_port(pinned_.port);
        const upstream::connection::transport_use through{chooser_->of().transport.get(),
                                                          &in.sessions, e.peer_name,
                                                          net::to_pk_address(to.storage)};
        if (c->connect(to, through, chooser_->of().conf->timeouts.connect, *this, &why)) {
            conn_ = c;
            return;
        }
        last_failure_ = why;
        c->abandon();
    }
    on_failure(last_failure_);
}

void forward::settle(std::uint32_t cause) {
    if (endpoint_ != PK_NO_ENDPOINT && pinned_.index == PK_NO_ENDPOINT)
        chooser_->result(endpoint_, cause, stream_.in().loop.now() - attempt_start_);
}

void forward::release() noexcept {
    if (std::exchange(reserved_, false)) chooser_->release(endpoint_);
}

// The connection is gone. What was sent and what came back decides what may follow.
void forward::on_failure(const upstream::failure& why) {
    conn_ = nullptr;
    splice_.end();
    const bool was_connected = std::exchange(connected_, false);
    last_failure_ = why;
    if (got_head_) {
        running_ = false;
        settle(PK_END_ORIGIN_ABORT);
        return give_up(why);
    }
    const bool idempotent = (stream_.request.flags & PK_REQUEST_IDEMPOTENT) != 0;
    const bool stale = why.kind == failure_kind::closed || why.kind == failure_kind::reset;
    if (was_connected) {
        settle(outcome_of(why).why.cause);
        // Nothing came back, running it again changes nothing, and its body is still whole.
        const bool may_run_again = stale && !why.got_bytes && idempotent && !body_began_ &&
                                   pinned_.index == PK_NO_ENDPOINT;
        // A pooled connection that had gone stale: the same endpoint on a fresh one.
        if (may_run_again && std::exchange(reused_, false)) {
            renewed_ = true;
            address_ = 0;
            return connect(endpoint_);
        }
        // A fresh one that died without a byte: once elsewhere, or here again. No origin sees it
        // three times.
        if (may_run_again && !std::exchange(replayed_, true)) {
            if (chooser_->of().endpoints.size() > tried_.count) {
                release();
                return attempt();
            }
            if (!renewed_) {
                address_ = 0;
                return connect(endpoint_);
            }
        }
        return give_up(why);
    }
    // Nothing was sent. Another address of the endpoint, or another endpoint, within one connect
    // timeout.
    const auto spent = stream_.in().loop.now() - first_attempt_;
    const bool time_left = spent < chooser_->of().conf->timeouts.connect;
    if (++address_ < chooser_->of().endpoints[endpoint_].addresses.size() && time_left)
        return connect(endpoint_);
    settle(outcome_of(why).why.cause);
    const bool more =
        chooser_->of().endpoints.size() > tried_.count && pinned_.index == PK_NO_ENDPOINT;
    if (more && attempts_ < attempts_max && time_left) {
        release();
        return attempt();
    }
    give_up(why);
}

void forward::give_up(const upstream::failure& why) {
    running_ = false;
    release();
    continue_timer_.cancel();
    if (!why.detail.empty()) log_detail(why);
    const auto o = outcome_of(why);
    stream_.local_error(o.status, o.why, o.proxy_error);
}

void forward::log_detail(const upstream::failure& why) const {
    static base::repeat_limit line;
    base::log(base::log_level::warning,
              "upstream '" + std::string(upstream_name()) + "', endpoint " +
                  std::string(endpoint_name()) + ": " + why.detail,
              line);
}

}  // namespace pkernel::stream

#include "kernel/stream/forward.hpp"

#include "kernel/base/check.hpp"
#include "kernel/base/log.hpp"
#include "kernel/http/normalise.hpp"
#include "kernel/http/writer.hpp"
#include "kernel/net/socket.hpp"
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

// One mark of ours in a Via value is `pseudonym` between a space and the next comma or end.
std::uint32_t count_marks(std::string_view value, std::string_view via) noexcept {
    const auto pseudonym = via.substr(via.find(' ') + 1);
    std::uint32_t n = 0;
    for (auto at = value.find(pseudonym); at != std::string_view::npos;
         at = value.find(pseudonym, at + pseudonym.size())) {
        const auto end = at + pseudonym.size();
        const bool begins = at > 0 && (value[at - 1] == ' ' || value[at - 1] == '\t');
        const bool ends = end == value.size() || value[end] == ',' || value[end] == ' ';
        n += begins && ends;
    }
    return n;
}

}  // namespace

forward::forward(stream& s)
    : stream_(s),
      scratch_(s.in().blocks),
      continue_timer_(
          [](void* self) {
              auto* me = static_cast<forward*>(self);
              if (me->running_ && !me->got_continue_ && !me->got_head_) {
                  me->got_continue_ = true;
                  me->stream_.send_continue();
              }
          },
          this) {}

forward::~forward() {
    cancel();
}

void forward::start(std::uint32_t index) {
    if (looped())
        return stream_.local_error(508, {PK_END_PROTOCOL, "loop_detected"}, "proxy_loop_detected");
    chooser_ = stream_.where().choosers[index].get();
    running_ = true;
    first_attempt_ = stream_.in().loop.now();
    attempt();
}

// Our own pseudonym twice: the request has come back twice.
bool forward::looped() const {
    const auto& all = stream_.head.headers;
    if (!all.has(PK_FIELD_VIA)) return false;
    std::uint32_t marks = 0;
    for (const pk_field& f : all)
        if (f.id == PK_FIELD_VIA) marks += count_marks(http::to_view(f.value), stream_.in().via);
    return marks >= 2;
}

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

void forward::on_connected() {
    connect_time_ = stream_.in().loop.now() - attempt_start_;
    if (pinned_.connect_only) {
        running_ = false;
        std::exchange(conn_, nullptr)->abandon();
        return stream_.from().send_end(stream_.response_trailers);
    }
    send_head();
}

void forward::send_head() {
    connected_ = true;
    auto& in = stream_.in();
    const auto& r = stream_.request;
    const auto& u = *chooser_->of().conf;
    const auto size = http::head_size_bound(
        stream_.head.headers, r.method.size + r.path.size + r.query.size + r.authority.size +
                                  (u.host ? u.host->size() : 0) + in.via.size() + 128);
    const auto block = base::block_ref::adopt(in.blocks.take_sized(size));
    const auto used = write_head(block->data(), block->capacity);
    conn_->begin(*this, {&stream_.route()->exchange, &stream_.response, &stream_.response_trailers,
                         r.method_id == PK_METHOD_HEAD, false});
    conn_->send(base::slice(block->data(), used, block.get()));
    while (!waiting_.empty()) send_body(waiting_.pop());
    if (ended_) finish_request();
    if (stream_.expects_ && !got_continue_)
        continue_timer_.arm(in.loop.timers(), in.loop.now() + continue_after);
}

std::size_t forward::write_head(char* at, std::size_t capacity) {
    const auto& r = stream_.request;
    const auto& u = *chooser_->of().conf;
    http::head_writer out(at, capacity);
    out.text(http::to_view(r.method));
    out.text(" ");
    out.text(http::to_view(r.path));
    if (r.has_query) {
        out.text("?");
        out.text(http::to_view(r.query));
    }
    out.text(" HTTP/1.1\r\n");
    std::string_view host = u.host ? std::string_view(*u.host) : http::to_view(r.authority);
    if (host.empty()) host = endpoint_name();
    out.field("Host", host);
    out.fields_of(stream_.head.headers);
    if (u.via) {
        out.text("Via: ");
        out.text(stream_.from().version());
        out.text(std::string_view(stream_.in().via).substr(stream_.in().via.find(' ')));
        out.text("\r\n");
    }
    chunked_ = (r.flags & PK_REQUEST_HAS_BODY) && r.content_length < 0;
    if (chunked_) out.text("Transfer-Encoding: chunked\r\n");
    out.finish();
    PK_CHECK(!out.overflowed());
    return out.size();
}

void forward::request_data(base::slice data) {
    if (!running_) return;
    body_began_ = true;
    got_continue_ = true;  // The client sends already.
    if (conn_ && connected_)
        send_body(std::move(data));
    else
        waiting_.push(std::move(data));
}

void forward::send_body(base::slice data) {
    if (!chunked_) return conn_->send(std::move(data));
    char head[24];
    conn_->send(scratch_.copy({head, http::write_chunk_head(data.size(), head)}));
    conn_->send(std::move(data));
    conn_->send(base::slice("\r\n", 2, nullptr));
}

void forward::request_end() {
    if (!running_) return;
    ended_ = true;
    if (conn_ && connected_) finish_request();
}

void forward::finish_request() {
    if (chunked_) {
        const auto& t = stream_.request_trailers;
        if (t.empty()) {
            conn_->send(base::slice("0\r\n\r\n", 5, nullptr));
        } else {
            const auto bound = http::head_size_bound(t, 16);
            auto* at = static_cast<char*>(stream_.arena.allocate(bound, 1));
            http::head_writer out(at, bound);
            out.text("0\r\n");
            out.fields_of(t);
            out.finish();
            conn_->send(base::slice(at, out.size(), nullptr));
        }
    }
    conn_->end_request();
}

void forward::on_informational() {
    const auto status = stream_.response.status;
    if (status == 100) {
        // Exactly one reaches the client, and none that did not ask.
        if (got_continue_ || !stream_.expects_) return;
        got_continue_ = true;
        return stream_.send_continue();
    }
    http::remove_connection_fields(stream_.response.headers);
    stream_.response_informational();
}

void forward::on_response_head(const http::framing& framing) {
    got_head_ = true;
    continue_timer_.cancel();
    head_time_ = stream_.in().loop.now() - attempt_start_;
    stream_.pin(base::block_ref::share(conn_->head_block()));
    auto& f = stream_.response.headers;
    http::remove_connection_fields(f);
    std::int64_t length = -1;
    if (framing.kind == http::body_kind::length) length = static_cast<std::int64_t>(framing.length);
    http::normalise_length(f, framing, stream_.response.status);
    for (std::size_t i = 0; i < picked_count_; ++i) {
        const pk_field& p = picked_fields_[i];
        f.append(http::to_view(p.name), http::to_view(p.value), p.id);
    }
    stream_.response_head(length);
}

void forward::on_response_data(base::slice data) {
    stream_.response_data(std::move(data));
}

void forward::on_response_end(const http::fields&) {
    http::remove_forbidden_trailers(stream_.response_trailers);
    if (!stream_.response_trailers.empty())
        stream_.pin(base::block_ref::share(conn_->head_block()));
    upstream::connection* c = std::exchange(conn_, nullptr);
    running_ = false;
    settle(PK_END_COMPLETE);
    if (c->reusable() && pinned_.index == PK_NO_ENDPOINT)
        chooser_->keep(endpoint_, c);
    else
        c->abandon();
    release();
    stream_.response_end();
}

void forward::on_send_drained() {
    stream_.request_drained();
}

bool forward::wants_data() {
    if (splices()) {
        pump_splice();
        return false;
    }
    return stream_.wants_response();
}

// Whether the body goes by splice, from here on if not before.
bool forward::splices() {
    if (splice_.active()) return true;
    if (conn_->spliceable() < splicer::bytes_min || !stream_.unfiltered_response()) return false;
    splice_to_ = stream_.from().splice_target();
    return splice_to_ >= 0 && splice_.begin(stream_.in().pipes);
}

bool forward::held_by_client() {
    return splice_.active() ? splice_held_ : !stream_.wants_response();
}

void forward::pump_splice() {
    splice_held_ = false;
    switch (splice_.pump(*conn_, stream_.from(), splice_to_)) {
        case splicer::outcome::waits_origin:
        case splicer::outcome::failed:
            return;
        case splicer::outcome::waits_client:
            splice_held_ = true;
            stream_.pause_response();
            stream_.from().splice_waits();
            return;
        case splicer::outcome::done:
            return conn_->finish_spliced();
    }
}

void forward::response_drained() {
    if (!conn_ || !got_head_) return;
    if (splice_.active())
        pump_splice();
    else
        conn_->resume_reading();
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

void forward::cancel() noexcept {
    running_ = false;
    continue_timer_.cancel();
    waiting_.clear();
    scratch_.reset();
    splice_.end();
    release();
    if (conn_) std::exchange(conn_, nullptr)->abandon();
}

void forward::reset() noexcept {
    cancel();
    chooser_ = nullptr;
    pinned_ = {};
    picked_count_ = 0;
    tried_.count = attempts_ = address_ = 0;
    endpoint_ = PK_NO_ENDPOINT;
    connected_ = reused_ = renewed_ = replayed_ = body_began_ = got_head_ = got_continue_ = ended_ =
        false;
    chunked_ = false;
    head_time_ = connect_time_ = {};
}

std::string_view forward::upstream_name() const noexcept {
    return chooser_ ? std::string_view(chooser_->of().name) : std::string_view();
}

std::string_view forward::endpoint_name() const noexcept {
    if (!chooser_ || endpoint_ == PK_NO_ENDPOINT) return {};
    return chooser_->of().endpoints[endpoint_].key.address;
}

}  // namespace pkernel::stream

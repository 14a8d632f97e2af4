#include "kernel/stream/forward.hpp"

#include "kernel/base/check.hpp"
#include "kernel/http/normalise.hpp"
#include "kernel/http/writer.hpp"
#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

namespace {

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

forward::forward(stream& s) : stream_(s) {}

forward::asking::asking(forward& f)
    : scratch(f.stream_.in().blocks),
      continue_timer(
          [](void* self) {
              auto* me = static_cast<forward*>(self);
              if (me->running_ && !me->got_continue_ && !me->got_head_) {
                  me->got_continue_ = true;
                  me->stream_.send_continue();
              }
          },
          &f),
      try_timer([](void* self) { static_cast<forward*>(self)->try_expired(); }, &f),
      delay_timer(
          [](void* self) {
              auto* me = static_cast<forward*>(self);
              me->attempt(me->same_);
          },
          &f),
      queue_timer([](void* self) { static_cast<forward*>(self)->queue_expired(); }, &f),
      replay(
          f.stream_.in(), [](void* self) { static_cast<forward*>(self)->replay_moved(); }, &f) {
    waiter.owner = &f;
    waiter.take = [](void* self) { return static_cast<forward*>(self)->take_place(); };
    waiter.go = [](void* self) { static_cast<forward*>(self)->go_on_from_queue(); };
    waiter.moved = [](void* self) { static_cast<forward*>(self)->take_new_endpoints(); };
}

forward::~forward() {
    cancel();
}

void forward::start(std::uint32_t index) {
    if (looped())
        return stream_.local_error(508, {PK_END_PROTOCOL, "loop_detected"}, "proxy_loop_detected");
    chooser_ = stream_.where().choosers[index].get();
    if (!ask_) ask_ = std::make_unique<asking>(*this);
    ask_->scratch.charge_to(stream_.account());
    policy_ = &stream_.route()->attempts;
    const bool keeps = policy_->keeps > 0 || policy_->spills > 0;
    if (keeps && (stream_.request.flags & PK_REQUEST_HAS_BODY))
        ask_->replay.begin({policy_->keeps, policy_->spills, &stream_.where().plan->model->spill},
                           stream_.account());
    else
        ask_->replay.lose();
    running_ = true;
    first_attempt_ = stream_.in().loop.now();
    if (pinned_.index == PK_NO_ENDPOINT) chooser_->budget().request(first_attempt_);
    attempt(false);
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
                                  (u.host ? u.host->size() : 0) + in.via.size() +
                                  stream_.upgrade().size() + 160);
    const auto block = base::block_ref::adopt(in.blocks.take_sized(size, stream_.account()));
    const auto used = write_head(block->data(), block->capacity);
    conn_->begin(*this,
                 {&stream_.route()->exchange, &stream_.response, &stream_.response_trailers,
                  stream_.account(), r.method_id == PK_METHOD_HEAD, false, stream_.upgrade()});
    conn_->send(base::slice(block->data(), used, block.get()));
    while (!ask_->waiting.empty()) send_body(ask_->waiting.pop());
    if (ask_->replay.behind())
        resend();
    else if (ended_)
        finish_request();
    if (stream_.expects_ && !got_continue_)
        ask_->continue_timer.arm(in.loop.timers(), in.loop.now() + continue_after);
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
        out.text(stream_.version());
        out.text(std::string_view(stream_.in().via).substr(stream_.in().via.find(' ')));
        out.text("\r\n");
    }
    if (const auto protocol = stream_.upgrade(); !protocol.empty()) {
        out.field("Connection", "Upgrade");
        out.field("Upgrade", protocol);
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
    if (ask_) ask_->replay.take(data);
    if (resends())
        resend();  // It follows what is sent again.
    else if (conn_ && connected_)
        send_body(std::move(data));
    else
        ask_->waiting.push(std::move(data));
}

void forward::send_body(base::slice data) {
    if (!chunked_) return conn_->send(std::move(data));
    char head[24];
    conn_->send(ask_->scratch.copy({head, http::write_chunk_head(data.size(), head)}));
    conn_->send(std::move(data));
    conn_->send(base::slice("\r\n", 2, nullptr));
}

// What is sent again, as much as the origin takes now.
void forward::resend() {
    while (ask_->replay.behind()) {
        if (!conn_ || !connected_ || conn_->queued() >= stream::high_water) return;
        if (!ask_->replay.next(ask_->waiting)) {
            if (ask_->replay.broken()) replay_broken();
            return;
        }
        while (!ask_->waiting.empty()) send_body(ask_->waiting.pop());
    }
    if (ended_) finish_request();
}

// Bytes of the body have come from the file or gone there, or it has failed.
void forward::replay_moved() {
    if (!running_) return;
    if (resends()) resend();
    stream_.request_drained();
}

// A part of the body was sent again, and the rest cannot be.
void forward::replay_broken() {
    running_ = false;
    if (conn_) std::exchange(conn_, nullptr)->abandon();
    connected_ = false;
    end_attempt(PK_FAIL_CANCELLED);
    release();
    ask_->continue_timer.cancel();
    stream_.local_error(503, {PK_END_LIMIT, "spill_failed"}, "proxy_internal_error");
}

int forward::body_sink() noexcept {
    if (!running_ || !conn_ || !connected_ || chunked_) return -1;
    if (!ask_ || ask_->replay.whole() || resends() || !ask_->waiting.empty()) return -1;
    return conn_->body_sink();
}

void forward::request_end() {
    if (!running_) return;
    ended_ = true;
    if (conn_ && connected_ && !resends()) finish_request();
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
    http::normalise_length(stream_.response.headers, {}, status);
    stream_.response_informational();
}

void forward::on_response_head(const http::framing& framing) {
    if (retries_status()) return;
    got_head_ = true;
    status_ = stream_.response.status;
    ask_->continue_timer.cancel();
    ask_->try_timer.cancel();
    ask_->replay.lose();
    end_trial();
    head_time_ = stream_.in().loop.now() - attempt_start_;
    stream_.pin(base::block_ref::share(conn_->head_block()));
    auto& f = stream_.response.headers;
    http::remove_connection_fields(f);
    std::int64_t length = -1;
    if (framing.kind == http::body_kind::length) length = static_cast<std::int64_t>(framing.length);
    http::normalise_length(f, framing, stream_.response.status);
    if (stream_.response.status == 101) {
        end_attempt(PK_FAIL_NONE);  // How long the tunnel lasts says nothing of it.
        chunked_ = ended_ = false;
    }
    for (std::size_t i = 0; i < ask_->picked_count; ++i) {
        const pk_field& p = ask_->picked_fields[i];
        f.append(http::to_view(p.name), http::to_view(p.value), p.id);
    }
    stream_.response_head(length);
}

void forward::on_response_data(base::slice data) {
    stream_.response_data(std::move(data));
}

void forward::on_response_end(const http::fields&) {
    if (stream_.tunnelling()) return stream_.response_end();  // The other direction may go on.
    http::remove_forbidden_trailers(stream_.response_trailers);
    if (!stream_.response_trailers.empty())
        stream_.pin(base::block_ref::share(conn_->head_block()));
    upstream::connection* c = std::exchange(conn_, nullptr);
    running_ = false;
    ask_->replay.clear();
    end_attempt(PK_FAIL_NONE);
    if (c->reusable() && pinned_.index == PK_NO_ENDPOINT)
        chooser_->keep(endpoint_, c);
    else
        c->abandon();
    release();
    stream_.response_end();
}

void forward::on_send_drained() {
    if (conn_->write_ended()) return stream_.from().request_sent();
    if (resends()) resend();
    stream_.request_drained();
}

bool forward::wants_data() {
    if (!splices()) return stream_.wants_response();
    pump();
    return false;
}

// Whether the body, or the origin's side of a tunnel, goes by splice, from here on if not before:
// when nobody looks at it.
bool forward::splices() {
    if (splice_.active()) return true;
    if (!conn_->splices()) return false;
    const bool tunnel = stream_.tunnelling();
    if (!(tunnel ? stream_.moves_alone(PK_RESPONSE) : stream_.unfiltered_response())) return false;
    splice_to_ = stream_.from().splice_target(!tunnel);
    return splice_to_ >= 0 && splice_.begin(stream_.in().pipes, !tunnel);
}

void forward::pump() {
    using outcome = net::fd_splice::outcome;
    auto& client = stream_.from();
    const bool tunnel = stream_.tunnelling();
    std::uint64_t moved = 0;
    const auto what = splice_.pump(*conn_, splice_to_, moved);
    if (moved > 0) client.spliced(moved);
    if (moved > 0 && tunnel) stream_.tunnel_moved();
    splice_held_ = what == outcome::waits_sink;
    if (what == outcome::more) return conn_->read_on();
    if (what == outcome::waits_sink) {
        stream_.pause_response();
        return client.splice_waits();
    }
    if (what == outcome::waits_source && !tunnel) {
        if (!conn_->gathers() && splice_.uncork()) client.splice_pauses();
        return;
    }
    // A silent tunnel holds no pipe.
    splice_.end();
    if (what != outcome::waits_source) conn_->source_over(what);
}

bool forward::nothing_waits() {
    return stream_.nothing_waits(PK_RESPONSE);
}

bool forward::held_by_client() {
    return splice_.active() ? splice_held_ : !stream_.wants_response();
}

void forward::response_drained() {
    if (!conn_ || !got_head_) return;
    if (splice_.active())
        pump();
    else
        conn_->resume_reading();
}

void forward::cancel(bool with_reset) noexcept {
    running_ = false;
    end_attempt(PK_FAIL_CANCELLED);
    if (ask_) {
        ask_->continue_timer.cancel();
        ask_->delay_timer.cancel();
        leave_queue();
        ask_->replay.clear();
        ask_->waiting.clear();
        ask_->scratch.reset();
    }
    splice_.end();
    release();
    if (conn_) std::exchange(conn_, nullptr)->abandon(with_reset);
}

void forward::reset() noexcept {
    cancel();
    chooser_ = nullptr;
    later_.reset();
    policy_ = nullptr;
    slots_ = nullptr;
    asked_ = 0;
    failed_ = {};
    pinned_ = {};
    if (ask_) {
        ask_->replay.reset();
        ask_->picked_count = ask_->tried.count = 0;
    }
    attempts_ = 0;
    kept_at_ = spool::place::nowhere;
    endpoint_ = PK_NO_ENDPOINT;
    same_ = answered_ = over_budget_ = false;
    trial_ = PK_TRIAL_NONE;
    connected_ = reused_ = renewed_ = replayed_ = body_began_ = got_head_ = got_continue_ = ended_ =
        false;
    chunked_ = false;
    chosen_ = false;
    head_time_ = connect_time_ = queue_time_ = {};
}

std::string_view forward::body_kept() const noexcept {
    switch (ask_ ? ask_->replay.where() : kept_at_) {
        case spool::place::nowhere:
            break;
        case spool::place::memory:
            return "memory";
        case spool::place::file:
            return "file";
        case spool::place::too_long:
            return "too_long";
        case spool::place::no_memory:
            return "no_memory";
        case spool::place::no_disk:
            return "no_disk";
    }
    return {};
}

// Its plugins' handles have seen the end of their attempt.
void forward::settle(base::arena& to) {
    PK_CHECK(!open_ && conn_ && connected_);
    if (ask_) kept_at_ = ask_->replay.where();
    ask_.reset();
    slots_ = nullptr;
    asked_ = 0;
    failed_ = to.copy(failed_);
}

std::string_view forward::upstream_name() const noexcept {
    return chooser_ ? std::string_view(chooser_->of().name) : std::string_view();
}

std::string_view forward::endpoint_name() const noexcept {
    if (!chooser_ || endpoint_ == PK_NO_ENDPOINT) return {};
    return chooser_->of().endpoints[endpoint_].key.address;
}

}  // namespace pkernel::stream

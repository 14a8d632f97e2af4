#include "kernel/stream/codec_stream.hpp"

#include <charconv>
#include <cstring>

#include "kernel/http/normalise.hpp"
#include "kernel/http/target.hpp"
#include "kernel/stream/codec_server.hpp"

namespace pkernel::stream {

namespace {

// Calls f with each field of a view.
template <class F>
void each_field(const pk_field_view& all, F&& f) {
    const auto* at = reinterpret_cast<const char*>(all.first);
    for (std::uint32_t i = 0; i < all.count; ++i, at += all.stride)
        f(*reinterpret_cast<const pk_field*>(at));
}

bool append_copies(const pk_field_view& from, http::fields& to, base::arena& arena) {
    bool legal = true;
    each_field(from, [&](const pk_field& f) {
        const auto name = http::to_view(f.name), value = http::to_view(f.value);
        legal = legal && http::is_token(name) && http::is_field_value(value);
        if (legal) to.append(arena.copy(name), arena.copy(value), http::field_id(name));
    });
    return legal;
}

// Framing and hops are the codec's own: a message that has these is malformed in every protocol
// that is not HTTP/1.
bool has_connection_fields(const http::fields& all) noexcept {
    for (const std::uint32_t id :
         {PK_FIELD_CONNECTION, PK_FIELD_KEEP_ALIVE, PK_FIELD_PROXY_CONNECTION,
          PK_FIELD_TRANSFER_ENCODING, PK_FIELD_UPGRADE})
        if (all.has(id)) return true;
    return false;
}

}  // namespace

codec_stream::codec_stream(codec_server& of)
    : pk_codec_stream{codec_server::table(), nullptr, &of},
      server_(of),
      stream_(of.in().new_stream()),
      small_(of.in().blocks),
      credit_(of.limits().stream_window),
      request_timer_([](void* self) { static_cast<codec_stream*>(self)->request_expired(); }, this),
      response_timer_([](void* self) { static_cast<codec_stream*>(self)->response_expired(); },
                      this) {
    small_.charge_to(of.account());
    stream_->open(*this, of.newest_site(), of.listener());
    stream_->request.peer = of.accepted().peer;
    stream_->request.local = of.accepted().local;
}

codec_stream::~codec_stream() {
    server_.count_queued(-static_cast<std::int64_t>(body_.bytes()));
}

// --- what the codec records
// ------------------------------------------------------------------------------------------------

void codec_stream::take_head(const pk_codec_head& head) {
    http::parse_fault fault;
    // What was not read of that one cannot be told from what is missing: its word says neither.
    const bool given_up = head.flags & PK_CODEC_HEAD_MALFORMED;
    if (fill_head(head, fault) && !given_up) return;
    refuse_with(given_up ? http::parse_fault{400, "malformed_head"} : fault);
    malformed_ = refused_.status == 400;
}

bool codec_stream::fill_head(const pk_codec_head& from, http::parse_fault& fault) {
    base::arena& arena = stream_->arena;
    http::request_head& head = stream_->head;
    pk_request& r = stream_->request;
    fault = {400, "bad_request_line"};
    head.method = arena.copy(http::to_view(from.method));
    head.target = arena.copy(http::to_view(from.target));
    const auto scheme = http::to_view(from.scheme);
    const bool line = http::is_token(head.method) && !head.target.empty() &&
                      (head.target[0] == '/' || head.target == "*") &&
                      (scheme == "http" || scheme == "https");
    if (!line) return false;
    fault.cause = "missing_host";
    if (!from.authority.size) return false;
    head.headers.append("host", arena.copy(http::to_view(from.authority)), PK_FIELD_HOST);
    fault.cause = "bad_field_value";
    if (!append_copies(from.fields, head.headers, arena)) return false;
    fault.cause = "bad_field_name";
    if (has_connection_fields(head.headers)) return false;
    if (head.headers.find(PK_FIELD_HOST, 1)) return false;
    const bool secure = server_.accepted_by().secure;
    if (!http::make_request(head, secure, arena, r, fault)) return false;
    announced_ = from.content_length >= 0 ? from.content_length : r.content_length;
    head.headers.remove(PK_FIELD_TE);
    r.upgrade = http::to_str(arena.copy(http::to_view(from.upgrade)));
    if (r.upgrade.size) r.flags |= PK_REQUEST_UPGRADE | PK_REQUEST_EXTENDED_CONNECT;
    return true;
}

void codec_stream::refuse_with(const http::parse_fault& fault) noexcept {
    refused_ = fault;
}

pk_status codec_stream::take_body(const pk_slice& bytes) {
    if (end_seen_ || peer_aborted_ || aborted_) return PK_WRONG_STATE;
    if (bytes.size > credit_) return PK_INVALID;
    credit_ -= bytes.size;
    received_ += bytes.size;
    if (may_share(bytes))
        in_.push(base::slice(bytes.data, bytes.size, static_cast<base::block*>(bytes.block)));
    else
        in_.push(small_.copy({bytes.data, static_cast<std::size_t>(bytes.size)}));
    server_.ready(*this);
    return PK_OK;
}

// A little of one stream among much of the others must not hold the block that all of it came in.
// The first of a body may, since most have no more; in a tunnel, what is all that waits there.
bool codec_stream::may_share(const pk_slice& bytes) const noexcept {
    const auto* from = static_cast<const base::block*>(bytes.block);
    if (!from || bytes.size >= from->capacity / 16) return from;
    if (!stream_->tunnelling()) return received_ == bytes.size;
    return in_.empty() && stream_->nothing_waits(PK_REQUEST);
}

pk_status codec_stream::take_end(pk_field_view trailers) {
    if (end_seen_ || peer_aborted_ || aborted_) return PK_WRONG_STATE;
    end_seen_ = true;
    auto& all = stream_->request_trailers;
    if (!append_copies(trailers, all, stream_->arena)) return PK_INVALID;
    http::remove_forbidden_trailers(all);
    server_.ready(*this);
    return PK_OK;
}

void codec_stream::take_abort(std::uint32_t cause) noexcept {
    peer_aborted_ = true;
    cause_ = cause;
    server_.ready(*this);
}

// Bytes without a block stand in the stream's arena, say, and the connection's output outlives it.
base::slice codec_stream::lasting(base::slice piece) {
    if (piece.raw()->block) return piece;
    const auto copy =
        base::block_ref::adopt(server_.in().blocks.take_sized(piece.size(), account()));
    std::memcpy(copy->data(), piece.data(), piece.size());
    return base::slice(copy->data(), piece.size(), copy.get());
}

pk_status codec_stream::move_body(base::slice_queue& out, std::uint64_t n) {
    if (n > body_.bytes()) return PK_INVALID;
    for (std::uint64_t left = n; left > 0;) {
        const auto size = std::min<std::uint64_t>(left, body_.front().size());
        out.push(lasting(body_.front().front(size)));
        body_.consume(size);
        left -= size;
    }
    framed_ += n;
    server_.count_framed(n);
    stream_->response_bytes += n;
    server_.count_queued(-static_cast<std::int64_t>(n));
    return PK_OK;
}

// --- acting on it
// ------------------------------------------------------------------------------------------------

bool codec_stream::act() {
    if (malformed_) return false;
    if (peer_aborted_) {
        finish({cause_, "client_reset"});
        return false;
    }
    if (aborted_) return true;
    if (!refused_.status && lengths_differ()) {
        const base::end_reason why{PK_END_PROTOCOL, "content_lengths_differ"};
        stream_->abort(why);
        abort(why);
        return true;
    }
    if (!begun_) begin();
    if (!aborted_) deliver();
    return true;
}

void codec_stream::begin() {
    begun_ = true;
    if (refused_.status) {
        const bool limit = refused_.status == 431 || refused_.status == 414;
        return stream_->refuse(refused_, limit ? PK_END_LIMIT : PK_END_PROTOCOL);
    }
    pk_request& r = stream_->request;
    if (connects()) announced_ = -1;
    const bool body = !connects() && (!end_seen_ || received_ > 0);
    r.content_length = announced_;
    if (body && announced_ != 0) r.flags |= PK_REQUEST_HAS_BODY;
    auto& fields = stream_->head.headers;
    fields.remove(PK_FIELD_CONTENT_LENGTH);
    if (announced_ >= 0) {
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, announced_).ptr;
        fields.append("Content-Length",
                      stream_->arena.copy({digits, static_cast<std::size_t>(end - digits)}),
                      PK_FIELD_CONTENT_LENGTH);
    }
    const bool expects = body && http::lists_token(fields, PK_FIELD_EXPECT, "100-continue");
    continued_ = !expects;
    stream_->begin(expects);
    if (connects()) return stream_->request_end();
    if (!end_seen_) watch_request();
}

// Content-Length against what came: less, or more, is no message (RFC 9113 8.1.1).
bool codec_stream::lengths_differ() const noexcept {
    if (announced_ < 0) return false;
    const auto all = static_cast<std::uint64_t>(announced_);
    return received_ > all || (end_seen_ && received_ != all);
}

void codec_stream::deliver() {
    // A tunnel's other direction may have ended.
    const bool over = response_ended_ && !stream_->tunnelling();
    while (!in_.empty() && !aborted_ && !over && stream_->wants_request()) {
        base::slice piece = in_.pop();
        const auto n = piece.size();
        window_in_ += n;
        stream_->request_data(std::move(piece));
        credit_ += n;
        server_.give_credit(*this, n);
    }
    if (in_.empty()) small_.reset_if_unused();
    const bool held = connects() && !stream_->tunnelling();
    if (end_seen_ && in_.empty() && !end_told_ && !aborted_ && !over && !held) {
        end_told_ = true;
        request_timer_.cancel();
        stream_->request_end();
    }
}

// Bytes that nobody will take are the connection's again.
void codec_stream::drop_input() {
    const auto n = in_.bytes();
    in_.clear();
    if (n > 0) server_.give_connection_credit(n);
}

void codec_stream::finish(base::end_reason why) {
    drop_input();
    request_timer_.cancel();
    response_timer_.cancel();
    stream* s = std::exchange(stream_, nullptr);
    if (!s) return;
    if (malformed_) why = {PK_END_PROTOCOL, refused_.cause};
    if (!why.is_complete()) s->abort(why);
    s->finish();
    server_.in().free_stream(s);
}

void codec_stream::output_drained() {
    if (!told_full_ || !stream_ || aborted_ || queued() >= stream::high_water) return;
    told_full_ = false;
    stream_->response_drained();
}

// --- what the stream sends
// ------------------------------------------------------------------------------------------------

void codec_stream::send_informational(std::uint32_t status, const http::fields& fields) {
    server_.call([&](const pk_codec& h) { h.respond(this, status, fields.view()); });
    server_.schedule();
}

void codec_stream::send_continue() {
    if (std::exchange(continued_, true)) return;
    server_.call([&](const pk_codec& h) { h.respond(this, 100, {nullptr, 0, 0}); });
    server_.schedule();
}

void codec_stream::send_head(const response_out& head) {
    continued_ = responding_ = true;
    auto& fields = stream_->response.headers;
    if (head.status == 101) server_.ready(*this);  // What has come is the tunnel's.
    if (!fields.has(PK_FIELD_DATE))
        fields.append("Date", stream_->arena.copy(server_.in().http_date()), PK_FIELD_DATE);
    server_.call([&](const pk_codec& h) { h.respond(this, head.status, head.fields->view()); });
    watch_response();
    server_.schedule();
}

void codec_stream::send_data(base::slice data) {
    if (data.empty()) return;
    server_.count_queued(static_cast<std::int64_t>(data.size()));
    body_.push(std::move(data));
    server_.call([&](const pk_codec& h) { h.available(this, body_.bytes(), PK_DATA_FLUSH); });
    watch_response();
    server_.schedule();
}

void codec_stream::send_end(const http::fields& trailers) {
    response_ended_ = true;
    server_.call([&](const pk_codec& h) { h.end(this, trailers.view()); });
    server_.schedule();
}

std::size_t codec_stream::queued() const noexcept {
    const std::size_t others = server_.over_queued() ? stream::high_water : 0;
    const std::size_t all = body_.bytes() + others;
    told_full_ = told_full_ || all > 0;
    return all;
}

void codec_stream::abort(base::end_reason why) {
    if (aborted_) return;
    // What came before the end is passed on, as far as the peer lets it (F07).
    if (responding_) server_.write_frames();
    aborted_ = true;
    server_.count_queued(-static_cast<std::int64_t>(body_.bytes()));
    body_.clear();
    drop_input();
    server_.call([&](const pk_codec& h) { h.reset(this, why.cause); });
    server_.ready(*this);
}

void codec_stream::resume_request() {
    if (begun_ && !end_told_ && !connects()) watch_request();
    server_.ready(*this);
}

void codec_stream::request_sent() {
    server_.schedule();
}

bool codec_stream::handshake_was_for_this() noexcept {
    return server_.handshake_was_for_this();
}

base::block_account* codec_stream::account() const noexcept {
    return server_.account();
}

net::session* codec_stream::transport() noexcept {
    return server_.session();
}

std::string_view codec_stream::version() noexcept {
    return server_.version();
}

// --- deadlines
// ------------------------------------------------------------------------------------------------

void codec_stream::watch_request() {
    window_in_ = 0;
    auto& loop = server_.in().loop;
    request_timer_.arm(loop.timers(), loop.now() + stream_->body_stall());
}

void codec_stream::request_expired() {
    if (!stream_ || aborted_ || end_seen_ || response_ended_) return;
    if (!stream_->wants_request() || window_in_ > least_in(stream_->body_stall()))
        return watch_request();
    stream_->request_failed(408, {PK_END_TIMEOUT, "request_body_stall"});
    server_.ready(*this);
}

// Bytes that wait for the peer's window, whatever it drips. While nothing waits here because the
// other streams' bytes fill the connection's queue, it is those that must move.
void codec_stream::watch_response() {
    if (response_timer_.armed()) return;
    framed_before_ = framed_;
    all_framed_before_ = server_.framed();
    auto& loop = server_.in().loop;
    response_timer_.arm(loop.timers(), loop.now() + stream_->write_stall());
}

void codec_stream::response_expired() {
    if (!stream_ || aborted_ || response_over()) return;
    // (Some of those may have ended this very moment: room is told of later.)
    const bool held_by_others = body_.empty() && told_full_;
    if (body_.empty() && !held_by_others) return watch_response();
    const auto taken =
        held_by_others ? server_.framed() - all_framed_before_ : framed_ - framed_before_;
    if (taken > least_in(stream_->write_stall())) return watch_response();
    stream_->abort({PK_END_TIMEOUT, "write_stall"});
    abort({PK_END_TIMEOUT, "write_stall"});
}

}  // namespace pkernel::stream

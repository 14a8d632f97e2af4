#include "kernel/upstream/connection.hpp"

#include <algorithm>
#include <optional>

#include "kernel/base/check.hpp"
#include "kernel/http/characters.hpp"
#include "kernel/net/socket.hpp"

namespace pkernel::upstream {

namespace {

constexpr std::int64_t seconds_most = 86'400;

// Of one parameter of a Keep-Alive field; what is no number counts as 0.
std::optional<std::int64_t> timeout_of(std::string_view parameter) noexcept {
    const auto equals = std::min(parameter.find('='), parameter.size());
    if (!http::same_text(http::trim_blanks(parameter.substr(0, equals)), "timeout")) return {};
    std::int64_t seconds = 0;
    for (const char c :
         http::trim_blanks(parameter.substr(std::min(equals + 1, parameter.size())))) {
        if (c < '0' || c > '9' || seconds > seconds_most) break;
        seconds = seconds * 10 + (c - '0');
    }
    return std::min(seconds, seconds_most);
}

}  // namespace

connection::connection(net::loop& loop, base::block_pool& blocks, const peer_key& key)
    : loop_(loop), key_(key), in_(blocks), timer_(&on_timer, this) {}

connection::~connection() = default;

void connection::connected() {
    phase_ = phase::idle;
    timing_ = timing::none;
    user_->on_connected();
}

void connection::begin_handshake() {
    phase_ = phase::handshake;
    const net::session::facts about{PK_SIDE_CONNECT, through_->name, key_.address, peer_};
    if (!wire_.begin(*through_->sessions, *through_->plan, about, *this))
        return fail(failure_kind::handshake_failed);
    shake_hands();
}

void connection::shake_hands() {
    if (phase_ != phase::handshake) return;
    const pk_io answer = wire_.session()->handshake();
    if (answer == PK_IO_DONE) return connected();
    if (answer == PK_IO_FAILED) fail(failure_kind::handshake_failed);
}

void connection::begin(connection_user& user, const exchange& what) {
    PK_CHECK(phase_ == phase::idle && out_.empty());
    user_ = &user;
    what_ = what;
    phase_ = phase::head;
    timing_ = timing::none;
    request_ended_ = write_failed_ = wrote_ = got_bytes_ = surplus_ = false;
    full_reads_ = 0;
    sink_waits_ = read_ended_ = write_ended_ = false;
    in_.charge_to(what.account);
    seen_ = informational_ = 0;
    framing_ = {};
    body_ = {};
    idle_hint_ = no_hint;
    ++exchanges_;
}

void connection::run_deferred() {
    flush();
    if (readable_ && reads()) read();
}

void connection::flush() {
    if (phase_ == phase::closed || phase_ == phase::connecting || phase_ == phase::handshake)
        return;
    if (readable_ && nothing_asked()) {
        read();
        if (phase_ == phase::closed) return;
    }
    const bool had = !out_.empty() || (sink_waits_ && writable_);
    if (writable_) sink_waits_ = false;
    while (!out_.empty() && writable_) {
        const auto r = wire_.send(out_, false);
        if (r.status == net::io_status::done || wire_.session()) wrote_ = true;
        if (r.status == net::io_status::done) continue;
        if (r.status == net::io_status::would_block) {
            writable_ = false;
            break;
        }
        return write_failed();
    }
    after_writing(had);
}

// The origin may have answered before it closed: what it said can still be read.
void connection::write_failed() {
    if (phase_ == phase::tunnel && read_ended_) return fail(failure_kind::reset);
    write_failed_ = true;
    out_.clear();
    readable_ = true;
    read();
}

void connection::after_writing(bool had) {
    if (sink_waits_) return;  // Timed already.
    if (!out_.empty() && (reads() || phase_ == phase::tunnel))
        return time(timing::send, what_.limits->send);
    if (phase_ == phase::tunnel) {
        timing_ = timing::none;
        if (!request_ended_) return had ? user_->on_send_drained() : void();
        if (write_ended_ || !wire_.end_writing()) return;
        write_ended_ = true;
        return user_->on_send_drained();
    }
    if (phase_ == phase::head) {
        if (request_ended_)
            time(timing::response, what_.limits->response);
        else
            timing_ = timing::none;
    }
    if (had && reads() && !request_ended_) user_->on_send_drained();
}

void connection::note(std::uint32_t events) noexcept {
    if (events & net::io_writable) writable_ = true;
    if (events & (net::io_peer_closed | net::io_broken)) peer_closed_ = true;
    if (events & (net::io_readable | net::io_peer_closed | net::io_broken)) readable_ = true;
}

void connection::on_io(std::uint32_t events) {
    if (phase_ == phase::closed) return;
    if (phase_ == phase::connecting) {
        const int why = net::connect_error(wire_.fd());
        if (why != 0) return connect_failed(why);
        if (!(events & net::io_writable)) return;
        writable_ = true;
        if (through_) return begin_handshake();
        note(events);  // It may have spoken before it was asked, and be gone already.
        return connected();
    }
    if (phase_ == phase::handshake) return shake_hands();
    events = wire_.events(events);
    note(events);
    if (phase_ == phase::idle) return look_at_idle();
    // Half-closed both ways looks like a hang-up, too: only an error is one.
    if (phase_ == phase::tunnel && read_ended_ && (events & net::io_broken) &&
        net::connect_error(wire_.fd()) != 0)
        return fail(failure_kind::reset);
    const bool ends = phase_ == phase::tunnel && request_ended_ && !write_ended_;
    if ((events & net::io_writable) && (!out_.empty() || ends || sink_waits_)) flush();
    if (readable_) read();
}

// Silence is all that may come, but for what a transport says for itself: anything else ends it.
// But an event may be older than the read that ended the response, when both were of one batch.
void connection::look_at_idle() {
    if (!readable_) return;
    if (peer_closed_ || wire_.is_stale()) return fail(failure_kind::closed);
    readable_ = false;
}

void connection::resume_reading() {
    // Bytes that were read but not wanted may wait here while the socket is empty.
    if (!reading_ && (readable_ || !in_.empty())) read();
}

void connection::read() {
    if (reading_) return;
    reading_ = true;
    while (reads()) {
        if (phase_ != phase::head && !user_->wants_data()) break;
        if (!reads()) break;
        if (!in_.empty() && (phase_ == phase::head ? take_head() : take_body())) continue;
        if (!fill()) break;
    }
    reading_ = false;
    if (phase_ == phase::closed || phase_ == phase::idle)
        in_.release();
    else
        in_.release_if_empty();
}

// Room for at least one byte more. False when the head can grow no further.
bool connection::make_room() {
    if (phase_ == phase::body && in_.empty()) {
        in_.renew(body_.long_yet());
        return true;
    }
    if (phase_ == phase::tunnel) {
        in_.renew(full_reads_ > 0);
        return true;
    }
    return in_.extend(what_.limits->head.head_max);
}

// What comes on a kept connection before anything of the request has left belongs to an earlier
// response: it must not become the answer to this one (behaviour F15).
bool connection::nothing_asked() const noexcept {
    return phase_ == phase::head && reused() && !wrote_;
}

bool connection::fill() {
    if (!readable_) return false;
    if (!make_room()) {
        fail(failure_kind::bad_response, {502, "response_head_too_large"});
        return false;
    }
    const auto r = wire_.fill(in_, readable_, peer_closed_);
    switch (r.status) {
        case net::io_status::done:
            if (nothing_asked()) {
                fail(failure_kind::closed);
                return false;
            }
            got_bytes_ = true;
            if (phase_ == phase::body) time(timing::stall, what_.limits->stall);
            if (phase_ == phase::tunnel)
                full_reads_ = in_.free_size() > 0 ? 0 : full_reads_ < 255 ? full_reads_ + 1 : 255;
            return true;
        case net::io_status::would_block:
            return false;
        case net::io_status::end:
            peer_ended();
            return false;
        case net::io_status::failed:
            fail(failure_kind::reset);
            return false;
    }
    return false;
}

void connection::peer_ended() {
    if (phase_ == phase::body && body_.ends_with_connection()) return finish_response();
    if (phase_ != phase::tunnel || write_failed_) return fail(failure_kind::closed);
    read_ended_ = true;
    user_->on_response_end(*what_.trailers);
}

bool connection::take_head() {
    std::size_t used = 0;
    http::parse_fault fault;
    const auto r =
        http::parse_response(in_.view(), seen_, what_.limits->head, *what_.into, &used, fault);
    if (r == http::parse_result::need_more) {
        what_.into->headers.clear();
        seen_ = in_.size();
        return false;
    }
    if (r == http::parse_result::bad ||
        !http::response_framing(*what_.into, what_.to_head, what_.to_connect, framing_, fault)) {
        fail(failure_kind::bad_response, fault);
        return true;
    }
    if (what_.account && !what_.account->has_room(0)) {
        fail(failure_kind::bad_response, {502, "connection_memory"});
        return true;
    }
    in_.consume(used);
    seen_ = 0;
    const auto status = what_.into->status;
    if (status == 101) {
        begin_tunnel();
        return true;
    }
    if (status < 200) {
        if (++informational_ > what_.limits->informational_max) {
            fail(failure_kind::bad_response, {502, "too_many_informational"});
            return true;
        }
        user_->on_informational();
        what_.into->headers.clear();
        return true;
    }
    take_idle_hint();
    phase_ = phase::body;
    body_.begin(framing_);
    gathering_.begin();
    time(timing::stall, what_.limits->stall);
    user_->on_response_head(framing_);
    if (body_.over() && phase_ == phase::body) finish_response();
    return true;
}

// "timeout=5" of a Keep-Alive field, which Node sends, less one second (behaviour F7).
void connection::take_idle_hint() {
    for (const pk_field& f : what_.into->headers) {
        if (f.id != PK_FIELD_KEEP_ALIVE) continue;
        auto rest = http::to_view(f.value);
        while (!rest.empty())
            if (const auto seconds = timeout_of(http::next_element(rest)))
                idle_hint_ = std::chrono::seconds(*seconds > 1 ? *seconds - 1 : 0);
    }
}

// Answers whether anything of the buffer was used.
bool connection::take_body() {
    if (phase_ == phase::tunnel) {
        user_->on_response_data(in_.take(in_.size(), user_->nothing_waits()));
        return true;
    }
    using event = http::body_reader::event;
    http::parse_fault fault;
    const auto step = body_.next(in_.view(), what_.limits->head, *what_.trailers, fault);
    base::slice data;
    if (step.what == event::data) data = in_.share(step.data);
    in_.consume(step.consumed);
    if (step.what == event::need_more) return step.consumed > 0;
    if (step.what == event::bad) {
        fail(failure_kind::bad_response, fault);
        return true;
    }
    if (step.what == event::data) user_->on_response_data(std::move(data));
    if (body_.over() && phase_ == phase::body) finish_response();
    return true;
}

void connection::finish_response() {
    phase_ = phase::ended;
    surplus_ = !in_.empty();
    timing_ = timing::none;
    user_->on_response_end(*what_.trailers);
}

bool connection::reusable() noexcept {
    const bool whole = phase_ == phase::ended && framing_.keep_alive &&
                       !body_.ends_with_connection() && !surplus_ && request_ended_ &&
                       out_.empty() && !write_failed_ && !peer_closed_ && what_.upgrade.empty();
    if (!whole) return false;
    // Where the socket was not read to its end, something may lie behind the response.
    if (readable_) readable_ = wire_.is_stale();
    return !readable_;
}

void connection::go_idle(connection_user& keeper) noexcept {
    user_ = &keeper;
    phase_ = phase::idle;
    timing_ = timing::none;
    what_ = {};
    if (!reading_) in_.release();
}

void connection::abandon(bool with_reset) noexcept {
    if (phase_ == phase::closed) return;
    phase_ = phase::closed;
    user_ = nullptr;
    timer_.cancel();
    end_race();
    out_.clear();
    if (wire_.open()) loop_.remove(wire_.fd());
    wire_.close(with_reset);
    deferred::unlink();
    loop_.retire(this);
}

sent connection::request_sent() const noexcept {
    if (!wrote_) return sent::nothing;
    return request_ended_ && out_.empty() && !write_failed_ ? sent::all : sent::part;
}

void connection::fail(failure_kind kind, http::parse_fault fault) {
    connection_user* user = user_;
    failure why{kind, got_bytes_, request_sent(), fault};
    // That the origin is gone needs no more words; what it said against us does (an alert that
    // refuses our certificate comes after the handshake).
    const auto* session = wire_.session();
    const bool told =
        kind == failure_kind::reset && session && session->failure_cause() == PK_END_PROTOCOL;
    if (session && (told || kind == failure_kind::handshake_failed))
        why.detail = session->failure();
    abandon();
    if (user) user->on_failure(why);
}

void connection::time(timing what, net::nanoseconds after) {
    timing_ = what;
    timer_.arm(loop_.timers(), loop_.now() + after);
}

void connection::on_timer(void* self) {
    static_cast<connection*>(self)->expire();
}

void connection::expire() {
    switch (timing_) {
        case timing::none:
            return;
        case timing::connect:
            return fail(failure_kind::connect_timeout);
        case timing::backlog:
            return connect_again();
        case timing::send:
            return fail(failure_kind::send_timeout);
        case timing::response:
            return fail(failure_kind::response_timeout);
        case timing::gathering:
            return stop_gathering();
        case timing::stall:
            // Only the origin's silence counts, not that we do not want more.
            if (phase_ == phase::body && user_->held_by_client())
                return time(timing::stall, what_.limits->stall);
            return fail(failure_kind::stall_timeout);
    }
}

}  // namespace pkernel::upstream

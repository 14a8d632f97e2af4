#include "kernel/stream/codec_server.hpp"

#include <cstring>

#include "kernel/base/log.hpp"
#include "kernel/net/address.hpp"
#include "kernel/stream/lingering.hpp"

namespace pkernel::stream {

namespace {

base::repeat_limit close_line;

std::size_t chunk_size(const codec_plan& codec) noexcept {
    constexpr std::size_t own = (sizeof(codec_stream) + 15) & ~std::size_t{15};
    return own + codec.hooks.stream_state_size;
}

}  // namespace

codec_server::codec_server(context& c, connection_keeper& keeper, const codec_plan& codec,
                           accepted_connection&& from)
    : client_connection(from.listener),
      context_(c),
      keeper_(keeper),
      codec_(codec),
      from_(std::move(from)),
      state_(codec.hooks.state_size ? new std::byte[codec.hooks.state_size]() : nullptr),
      account_(c.blocks.open_account(SIZE_MAX)),
      in_(c.blocks),
      scratch_(c.blocks),
      codec_timer_(
          [](void* self) {
              auto* me = static_cast<codec_server*>(self);
              me->call([&](const pk_codec& h) { h.timer(me); });
              me->schedule();
          },
          this),
      idle_timer_(
          [](void* self) {
              auto* me = static_cast<codec_server*>(self);
              if (me->phase_ == phase::lingering) return me->linger_expired();
              if (!me->streams_.empty()) return me->look_for_gone();
              me->say_goodbye(PK_END_TIMEOUT);
          },
          this),
      write_timer_([](void* self) { static_cast<codec_server*>(self)->write_expired(); }, this) {
    static_cast<pk_codec_conn&>(*this) = {table(), state_.get(), codec.instance->self()};
    in_.charge_to(account_);
    scratch_.charge_to(account_);
}

codec_server::~codec_server() {
    context_.blocks.close_account(account_);
}

bool codec_server::start() {
    const int fd = from_.wire.fd();
    const bool known =
        from_.known ? context_.loop.retarget(fd, *this) : context_.loop.add(fd, *this);
    if (!known || call([&](const pk_codec& h) { return h.open(this); }) != PK_OK) {
        close({}, false);
        return false;
    }
    opened_ = true;
    watch_idle();
    schedule();
    read();
    return phase_ != phase::closed;
}

// --- the codec's functions
// ------------------------------------------------------------------------------------------------

pk_status codec_server::open_stream(const pk_codec_head& head, const http::parse_fault* refused,
                                    pk_codec_stream** out) {
    if (phase_ != phase::open) return PK_WRONG_STATE;
    if (stream_count_ >= limits().streams) return PK_NO_MEMORY;
    void* const memory = context_.chunks.take(chunk_size(codec_));
    auto* s = new (memory) codec_stream(*this);
    if (const auto size = codec_.hooks.stream_state_size) {
        auto* own = static_cast<char*>(memory) + (chunk_size(codec_) - size);
        std::memset(own, 0, size);
        static_cast<pk_codec_stream*>(s)->state = own;
    }
    if (refused)
        s->refuse_with(*refused);
    else
        s->take_head(head);
    ++stream_count_;
    ++streams_total_;
    streams_.push_back(*s);
    idle_timer_.cancel();
    ready(*s);  // What is malformed is recorded when the hook has returned.
    if (s->malformed()) return PK_INVALID;
    *out = s;
    return PK_OK;
}

pk_status codec_server::send(std::string_view bytes) {
    if (out_.bytes() >= output_max) {
        blocked_ = true;
        return PK_NO_MEMORY;
    }
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, 4096);
        out_.push(scratch_.copy(piece));
        bytes.remove_prefix(piece.size());
    }
    return PK_OK;
}

void codec_server::set_timer(std::uint64_t ns) {
    constexpr std::uint64_t longest = 86'400ull * 1'000'000'000;
    if (ns == 0) return codec_timer_.cancel();
    const net::nanoseconds after(std::min(ns, longest));
    codec_timer_.arm(context_.loop.timers(), context_.loop.now() + after);
}

void codec_server::glitch(std::uint32_t points) {
    glitches_ = std::min(glitches_ + std::min(points, glitches_max), glitches_max);
    if (glitches_ >= glitches_max) schedule();
}

void codec_server::close_after_output(std::uint32_t cause, std::string_view text) {
    if (phase_ != phase::open) return;
    phase_ = phase::closing;
    close_cause_ = cause;
    const bool usual = cause == PK_END_COMPLETE || cause == PK_END_SHUTDOWN;
    if (!text.empty() && !usual)
        base::log(base::log_level::info,
                  "listener '" + listener().name + "', client " + net::to_text(from_.peer) + ": " +
                      std::string(text),
                  close_line);
    schedule();
}

void codec_server::count_queued(std::int64_t change) noexcept {
    queued_ = static_cast<std::size_t>(static_cast<std::int64_t>(queued_) + change);
}

void codec_server::give_credit(codec_stream& s, std::uint64_t bytes) {
    if (!s.request_over()) call([&](const pk_codec& h) { h.credit(&s, bytes); });
    give_connection_credit(bytes);
}

void codec_server::give_connection_credit(std::uint64_t bytes) {
    call([&](const pk_codec& h) { h.conn_credit(this, bytes); });
    schedule();
}

// --- reading
// ------------------------------------------------------------------------------------------------

void codec_server::on_io(std::uint32_t events) {
    if (phase_ == phase::closed) return;
    events = from_.wire.events(events);
    if (events & net::io_writable) writable_ = true;
    if (events & (net::io_readable | net::io_peer_closed)) readable_ = true;
    if (events & net::io_peer_closed) peer_closed_ = true;
    if (events & net::io_broken) return close({PK_END_CLIENT_ABORT, "client_reset"}, false);
    if (phase_ == phase::lingering) return discard();
    if (writable_ && (!out_.empty() || blocked_)) schedule();
    read();
}

void codec_server::read() {
    if (reading_) return;
    reading_ = true;
    bool any = false;
    while (phase_ == phase::open && !held_) {
        if (in_.empty() && !fill()) break;
        any = offer() || any;
        act();
    }
    reading_ = false;
    if (phase_ == phase::open) in_.release_if_empty();
    if (any && phase_ != phase::closed) schedule();
}

bool codec_server::fill() {
    if (!readable_) return false;
    in_.renew(large_);
    const auto r = from_.wire.fill(in_, readable_, peer_closed_);
    switch (r.status) {
        case net::io_status::done:
            large_ = in_.free_size() == 0;
            return true;
        case net::io_status::would_block:
            return false;
        case net::io_status::end:
            peer_ended();
            return false;
        case net::io_status::failed:
            close({PK_END_CLIENT_ABORT, "client_reset"}, false);
            return false;
    }
    return false;
}

// Whether the codec took anything.
bool codec_server::offer() {
    const base::slice all = in_.share(in_.view());
    const pk_slice_view view{all.raw(), 1, sizeof(base::slice)};
    const auto taken = call([&](const pk_codec& h) { return h.received(this, &view); });
    if (taken > all.size()) {
        say_goodbye(PK_END_PLUGIN_ERROR);
        return true;
    }
    in_.consume(taken);
    held_ = taken < all.size();
    return taken > 0;
}

void codec_server::peer_ended() {
    if (std::exchange(end_told_, true)) return;
    call([&](const pk_codec& h) { h.received_end(this); });
    act();
    schedule();
    watch_for_gone();
}

// Streams with something recorded. What they do may record more.
void codec_server::act() {
    while (!ready_.empty() && phase_ != phase::closed) {
        codec_stream& s = ready_.front();
        static_cast<base::list_hook<ready_streams>&>(s).unlink();
        if (!s.act() || s.reset_by_us()) end(s, {});
    }
}

// --- writing
// ------------------------------------------------------------------------------------------------

void codec_server::run_deferred() {
    if (phase_ == phase::closed || phase_ == phase::lingering) return;
    act();
    if (streams_total_ >= limits().streams_total)
        take_no_more(listener().conf->timeouts.client_idle);
    write();
    if (phase_ == phase::closed) return;
    if (glitches_ >= glitches_max && phase_ == phase::open) return say_goodbye(PK_END_LIMIT);
    if (phase_ == phase::closing) {
        end_all(closing_reason());
        if (out_.empty()) linger();
        return;
    }
    if (end_told_ && streams_.empty() && out_.empty()) return close({}, false);
    if (readable_ || !in_.empty()) read();
}

void codec_server::write() {
    do {
        blocked_ = false;
        call([&](const pk_codec& h) { h.write(this); });
        if (held_ && phase_ == phase::open) held_ = false;
        if (!blocked_) settle();
        flush();
    } while (blocked_ && phase_ != phase::closed && out_.bytes() < output_max / 2);
    if (phase_ == phase::closed) return;
    streams_.for_each([](codec_stream& s) { s.output_drained(); });
}

void codec_server::write_frames() {
    call([&](const pk_codec& h) { h.write(this); });
}

void codec_server::flush() {
    while (!out_.empty() && writable_) {
        const auto before = out_.bytes();
        const auto r = from_.wire.send(out_, false);
        written_ += before - out_.bytes();
        if (r.status == net::io_status::done) continue;
        if (r.status == net::io_status::would_block) {
            writable_ = false;
            break;
        }
        return close({PK_END_CLIENT_ABORT, "client_reset"}, false);
    }
    if (!out_.empty()) return watch_writing();
    scratch_.reset();
}

// Streams whose response has been framed to its end.
void codec_server::settle() {
    codec_stream* done[64];
    std::size_t count = 0;
    streams_.for_each([&](codec_stream& s) {
        if (s.response_over() && count < 64) done[count++] = &s;
    });
    for (std::size_t i = 0; i < count; ++i) end(*done[i], {});
    if (count == 64) schedule();
}

void codec_server::end(codec_stream& s, base::end_reason why) {
    const bool known = !s.malformed();
    const bool cut = known && (!why.is_complete() || !s.request_over());
    if (cut && !s.reset_by_us() && !s.aborted_by_peer())
        call([&](const pk_codec& h) { h.reset(&s, why.cause); });
    s.finish(why);
    if (known) call([&](const pk_codec& h) { h.stream_closed(&s); });
    static_cast<base::list_hook<codec_stream>&>(s).unlink();
    static_cast<base::list_hook<ready_streams>&>(s).unlink();
    s.~codec_stream();
    context_.chunks.give_back(&s, chunk_size(codec_));
    --stream_count_;
    schedule();
    if (!streams_.empty()) return;
    watch_idle();
}

void codec_server::end_all(base::end_reason why) {
    while (!streams_.empty()) end(streams_.front(), why);
}

// What has ended its side may still read, or be gone (F16, decision 0006).
void codec_server::watch_for_gone() {
    if (phase_ != phase::open || streams_.empty()) return;
    gone_mark_ = written_;
    idle_timer_.arm(context_.loop.timers(), context_.loop.now() + gone_after);
}

// It took nothing of what it is sent: it never will, for it cannot open a window any more either.
void codec_server::look_for_gone() {
    if (written_ == gone_mark_)
        streams_.for_each([this](codec_stream& s) {
            if (s.responding()) end(s, {PK_END_CLIENT_ABORT, "client_closed"});
        });
    watch_for_gone();
}

// --- the end
// ------------------------------------------------------------------------------------------------

void codec_server::watch_idle() {
    if (phase_ != phase::open) return;
    const auto after = draining_ ? grace_ : listener().conf->timeouts.client_idle;
    idle_timer_.arm(context_.loop.timers(), context_.loop.now() + after);
}

void codec_server::drain(net::nanoseconds grace) {
    if (phase_ != phase::open) return;
    take_no_more(grace);
    // Those that a reload left behind have not been told of the stop that follows.
    streams_.for_each([&](codec_stream& s) { s.drain_tunnel(context_.drain_left()); });
}

// Streams that are open go on, tunnels for as long as they like.
void codec_server::take_no_more(net::nanoseconds grace) {
    if (phase_ != phase::open || std::exchange(draining_, true)) return;
    grace_ = grace;
    call([&](const pk_codec& h) { h.drain(this); });
    if (streams_.empty()) watch_idle();
    schedule();
}

void codec_server::tell_tunnels(survivors& left) {
    if (phase_ != phase::open) return;
    streams_.for_each([&](codec_stream& s) { s.tell_tunnel(left); });
}

void codec_server::kill(base::end_reason why) {
    close(why, false);
}

bool codec_server::idle() const noexcept {
    return phase_ == phase::open && streams_total_ > 0 && streams_.empty() && in_.empty() &&
           out_.empty();
}

void codec_server::shed() {
    if (phase_ == phase::closed) return;
    if (idle())
        say_goodbye(PK_END_SHUTDOWN);
    else
        say_goodbye(PK_END_LIMIT, {PK_END_LIMIT, "memory_shed"});
    if (phase_ == phase::closing) write();
    close({PK_END_LIMIT, "memory_shed"}, false);
}

// All streams end; the codec tells the peer why.
void codec_server::say_goodbye(std::uint32_t cause) {
    close_cause_ = cause;
    say_goodbye(cause, closing_reason());
}

void codec_server::say_goodbye(std::uint32_t cause, base::end_reason why) {
    if (phase_ != phase::open) return;
    phase_ = phase::closing;
    close_cause_ = cause;
    end_all(why);
    call([&](const pk_codec& h) { h.close(this, cause); });
    schedule();
}

base::end_reason codec_server::closing_reason() const noexcept {
    if (close_cause_ == PK_END_LIMIT) return {PK_END_LIMIT, "connection_limit"};
    return {close_cause_, "connection_error"};
}

// What the peer still sends is read and thrown away, so that no reset destroys the last frames.
void codec_server::linger() {
    phase_ = phase::lingering;
    in_.release();
    codec_timer_.cancel();
    write_timer_.cancel();
    const auto limit = listener().conf->timeouts.linger;
    idle_timer_.arm(context_.loop.timers(), context_.loop.now() + limit);
    readable_ = true;
    taken_ = lingering::taken(from_.wire, written_);
    discard();
}

void codec_server::discard() {
    if (!lingering::goes_on(from_.wire, readable_, lingered_)) return close({}, false);
    if (lingering::only_waits(lingered_) && !write_timer_.armed())
        write_timer_.arm(context_.loop.timers(), context_.loop.now() + lingering::look_after);
}

void codec_server::linger_expired() {
    const auto window = listener().conf->timeouts.linger;
    const auto before = std::exchange(taken_, lingering::taken(from_.wire, written_));
    if (!lingering::another_window(from_.wire, taken_ - before, window)) return close({}, false);
    idle_timer_.arm(context_.loop.timers(), context_.loop.now() + window);
}

void codec_server::close(base::end_reason why, bool with_reset) {
    if (phase_ == phase::closed) return;
    const bool told = why.is_complete();
    end_all(told ? base::end_reason{PK_END_CLIENT_ABORT, "client_closed"} : why);
    phase_ = phase::closed;
    for (net::timer* t : {&codec_timer_, &idle_timer_, &write_timer_}) t->cancel();
    deferred::unlink();
    if (opened_) call([&](const pk_codec& h) { h.closed(this); });
    out_.clear();
    in_.release();
    context_.loop.remove(from_.wire.fd());
    base::list_hook<client_connection>::unlink();
    keeper_.connection_closed(*this);
    from_.wire.close(with_reset);
    context_.loop.retire(this);
}

void codec_server::watch_writing() {
    if (write_timer_.armed()) return;
    taken_ = written_;
    const auto window = listener().conf->timeouts.write_stall;
    write_timer_.arm(context_.loop.timers(), context_.loop.now() + window);
}

// A reader must take `rate_min` while we hold something for it.
void codec_server::write_expired() {
    if (phase_ == phase::lingering) return discard();
    if (out_.empty() || phase_ == phase::closed) return;
    const auto window = listener().conf->timeouts.write_stall;
    const auto taken = lingering::taken(from_.wire, written_);
    if (taken > taken_ + least_in(window)) {
        taken_ = taken;
        return write_timer_.arm(context_.loop.timers(), context_.loop.now() + window);
    }
    close({PK_END_TIMEOUT, "write_stall"}, true);
}

}  // namespace pkernel::stream

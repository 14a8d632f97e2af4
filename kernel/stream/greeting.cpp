#include "kernel/stream/greeting.hpp"

#include "kernel/base/log.hpp"
#include "kernel/net/address.hpp"
#include "kernel/stream/codec_server.hpp"
#include "kernel/stream/http1_server.hpp"

namespace pkernel::stream {

namespace {

base::repeat_limit handshake_line;

bool speaks(const codec_plan& codec, std::string_view protocol) noexcept {
    for (const auto& each : codec.protocols)
        if (each == protocol) return true;
    return false;
}

client_connection* make_server(context& c, connection_keeper& keeper, const codec_plan& codec,
                               accepted_connection&& from, base::input_buffer& first) {
    if (codec.instance) {
        auto* server = new codec_server(c, keeper, codec, std::move(from));
        server->preload(first);
        return server;
    }
    auto* server = new http1_server(c, keeper, std::move(from));
    server->preload(first);
    return server;
}

}  // namespace

client_connection* greet(context& c, connection_keeper& keeper, accepted_connection&& from) {
    const listener_plan& l = *from.listener;
    if (l.transport || l.codecs.size() > 1 || l.codecs.front().instance)
        return new greeting(c, keeper, std::move(from));
    return new http1_server(c, keeper, std::move(from));
}

greeting::greeting(context& c, connection_keeper& keeper, accepted_connection&& from)
    : client_connection(from.listener),
      context_(c),
      keeper_(keeper),
      from_(std::move(from)),
      first_(c.blocks),
      timer_([](void* self) { static_cast<greeting*>(self)->expire(); }, this) {}

bool greeting::start() {
    const auto& l = accepted_by();
    if (!context_.loop.add(from_.wire.fd(), *this)) {
        close();
        return false;
    }
    from_.known = true;
    const auto time = l.transport ? l.conf->timeouts.handshake : l.conf->timeouts.head;
    timer_.arm(context_.loop.timers(), context_.loop.now() + time);
    if (!l.transport) return true;
    shaking_ = true;
    const net::session::facts about{PK_SIDE_ACCEPT, {}, l.transport->place, from_.peer};
    if (!from_.wire.begin(context_.sessions, *l.transport, about, *this)) {
        close();
        return false;
    }
    return true;
}

void greeting::on_io(std::uint32_t events) {
    if (!from_.wire.open()) return;
    if (events & net::io_broken) return close();
    if (events & net::io_peer_closed) peer_ended_ = true;
    if (shaking_)
        shake_hands();
    else
        probe();
}

void greeting::shake_hands() {
    if (!shaking_ || !from_.wire.open()) return;
    const pk_io answer = from_.wire.session()->handshake();
    if (answer == PK_IO_FAILED) return handshake_failed();
    if (answer != PK_IO_DONE) {
        // A client that goes away in the middle of it has nothing left to say.
        if (peer_ended_ && answer == PK_IO_WANT_READ) close();
        return;
    }
    shaking_ = false;
    choose();
}

void greeting::handshake_failed() {
    const std::string line = "listener '" + accepted_by().name + "': handshake with " +
                             net::to_text(from_.peer) +
                             " failed: " + from_.wire.session()->failure();
    base::log(base::log_level::info, line, handshake_line);
    close();
}

// The transport knows what was agreed; else the first bytes tell.
void greeting::choose() {
    const auto& codecs = accepted_by().codecs;
    const auto agreed =
        from_.wire.session() ? from_.wire.session()->protocol() : std::string_view();
    if (!agreed.empty())
        for (const auto& codec : codecs)
            if (speaks(codec, agreed)) return go_on_with(codec);
    if (codecs.size() == 1) return go_on_with(codecs.front());
    timer_.arm(context_.loop.timers(), context_.loop.now() + accepted_by().conf->timeouts.head);
    probe();
}

// The first that says "mine" wins; the built-in one and the last need not be asked.
void greeting::probe() {
    const bool may_come = read_first_bytes();
    if (!from_.wire.open() || first_.empty()) return;
    const auto& codecs = accepted_by().codecs;
    const codec_plan* fallback = &codecs.back();
    for (const auto& codec : codecs) {
        if (!codec.instance) {
            fallback = &codec;
            continue;
        }
        if (!codec.hooks.probe) continue;
        const plugin::call_marker mark(context_.marker, codec.instance->number());
        const auto answer = codec.hooks.probe(codec.instance->self(), http::to_str(first_.view()));
        if (answer == PK_PROBE_MINE) return go_on_with(codec);
        if (answer == PK_PROBE_MORE && may_come && first_.size() < probe_bytes_max) return;
    }
    go_on_with(*fallback);
}

// False: no more will come than there is now.
bool greeting::read_first_bytes() {
    for (;;) {
        if (!first_.extend(base::block_pool::small_size) || first_.free_size() == 0) return false;
        const auto r = from_.wire.receive(first_.free_space(), first_.free_size(), peer_ended_);
        if (r.status == net::io_status::would_block) return !peer_ended_;
        if (r.status != net::io_status::done) {
            if (first_.empty()) close();
            return false;
        }
        first_.filled(r.bytes);
        if (first_.size() >= probe_bytes_max) return true;
    }
}

void greeting::go_on_with(const codec_plan& codec) {
    timer_.cancel();
    if (auto* s = from_.wire.session()) s->hand_to(nullptr);
    client_connection* next = make_server(context_, keeper_, codec, std::move(from_), first_);
    base::list_hook<client_connection>::unlink();
    keeper_.connection_goes_on(*this, *next);
    context_.loop.retire(this);
    if (next->start() && draining_) next->drain(grace_);
}

void greeting::drain(net::nanoseconds grace) {
    draining_ = true;
    grace_ = grace;
}

void greeting::kill(base::end_reason) {
    close();
}

void greeting::expire() {
    close();
}

void greeting::close() {
    if (!from_.wire.open()) return;
    timer_.cancel();
    context_.loop.remove(from_.wire.fd());
    base::list_hook<client_connection>::unlink();
    keeper_.connection_closed(*this);
    from_.wire.close(false);
    context_.loop.retire(this);
}

}  // namespace pkernel::stream

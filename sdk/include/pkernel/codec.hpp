// pk::codec<T, schema>: makes a plain class a codec, bytes of a connection to and from streams.
//
// T is the instance, shared by all workers:
//     std::span<const pk_str> protocols() const       its ALPN ids, best first
//     std::uint32_t probe(std::string_view) const     optional; PK_PROBE_...
//     static constexpr std::string_view version       of its messages, as in Via and logs: "2.0"
//     class connection                                made with (const T&, codec_link) by open
//
// Hooks of T::connection, all needed; codec.h says when each is called and what it may do:
//     std::uint64_t received(data)                    bytes taken
//     void received_end()     void write()            void timer()
//     void drain()            void close(std::uint32_t cause)
//     void conn_credit(std::uint64_t bytes)
// and for a stream, whose own part is T::connection::stream_state, made when it is first wanted:
//     void respond(stream_state&, std::uint32_t status, field_list)
//     void available(stream_state&, std::uint64_t bytes, std::uint32_t flags)
//     void end(stream_state&, field_list trailers)
//     void reset(stream_state&, std::uint32_t cause)
//     void credit(stream_state&, std::uint64_t bytes)
//     void stream_closed(stream_state&)               destroyed after it
// An exception out of a hook costs this connection and nothing else.

#pragma once

#include <pkernel/abi/codec.h>
#include <pkernel/data.hpp>
#include <pkernel/detail/factory.hpp>
#include <pkernel/fields.hpp>

#include <new>
#include <span>

namespace pk {

namespace detail {

// The codec's own part of a stream with a mark that it was made: its memory comes zeroed.
template <class State>
struct codec_slot {
    alignas(State) unsigned char memory[sizeof(State)];
    unsigned char made;
    static_assert(alignof(State) <= 16, "states are aligned to 16 bytes at most");

    static State& of(pk_codec_stream* s) {
        auto* at = static_cast<codec_slot*>(s->state);
        if (at->made == 0) {
            new (at->memory) State{};
            at->made = 1;
        }
        return *std::launder(reinterpret_cast<State*>(at->memory));
    }
    static void end(pk_codec_stream* s) noexcept {
        auto* at = static_cast<codec_slot*>(s->state);
        if (at->made != 0) of(s).~State();
        at->made = 0;
    }
};

}  // namespace detail

// The kernel's end of one stream. Copyable; valid until stream_closed has returned. [worker]
class codec_stream {
public:
    codec_stream() = default;
    explicit codec_stream(pk_codec_stream* raw) noexcept : raw_(raw) {}

    explicit operator bool() const noexcept { return raw_ != nullptr; }
    template <class State>
    State& state() const {
        return detail::codec_slot<State>::of(raw_);
    }

    [[nodiscard]] pk_status body(const pk_slice& bytes) const noexcept {
        return raw_->api->body(raw_, &bytes, 0);
    }
    pk_status end(const pk_field_view& trailers = {nullptr, 0, sizeof(pk_field)}) const noexcept {
        return raw_->api->end(raw_, trailers);
    }
    void abort(std::uint32_t cause) const noexcept { raw_->api->abort(raw_, cause); }
    [[nodiscard]] pk_status send_body(std::uint64_t n) const noexcept {
        return raw_->api->send_body(raw_, n);
    }

private:
    pk_codec_stream* raw_ = nullptr;
};

// The kernel's end of one connection. Copyable; valid until the connection object's end. [worker]
class codec_link {
public:
    explicit codec_link(pk_codec_conn* raw) noexcept : raw_(raw) {}

    const pk_codec_limits& limits() const noexcept { return *raw_->api->limits(raw_); }

    [[nodiscard]] pk_status stream(const pk_codec_head& head, codec_stream& made) const noexcept {
        pk_codec_stream* s = nullptr;
        const pk_status answer = raw_->api->stream(raw_, &head, &s);
        made = codec_stream(answer == PK_OK ? s : nullptr);
        return answer;
    }
    [[nodiscard]] pk_status reject(const pk_codec_head& head, std::uint32_t answer_with,
                                   codec_stream& made) const noexcept {
        pk_codec_stream* s = nullptr;
        const pk_status answer = raw_->api->reject(raw_, &head, answer_with, &s);
        made = codec_stream(answer == PK_OK ? s : nullptr);
        return answer;
    }

    // The logs tell of a head that the protocol does not allow, as far as it was read.
    void malformed(pk_codec_head head) const noexcept {
        pk_codec_stream* none = nullptr;
        head.flags |= PK_CODEC_HEAD_MALFORMED;
        raw_->api->stream(raw_, &head, &none);
    }

    // All of it, or none of it: then go on in the next write().
    [[nodiscard]] bool send(std::string_view bytes) const noexcept {
        return raw_->api->send(raw_, str(bytes)) == PK_OK;
    }
    void resume() const noexcept { raw_->api->resume(raw_); }
    void timer(std::uint64_t ns) const noexcept { raw_->api->timer(raw_, ns); }
    void glitch(std::uint32_t points = 1) const noexcept { raw_->api->glitch(raw_, points); }
    void close(std::uint32_t cause, std::string_view why) const noexcept {
        raw_->api->close(raw_, cause, str(why));
    }

private:
    pk_codec_conn* raw_;
};

template <class T, const auto& Schema = no_options>
struct codec {
    static constexpr std::string_view id = PK_CODEC_ID;
    using plugin = T;
    using connection = typename T::connection;
    using slot = detail::codec_slot<typename connection::stream_state>;
    static_assert(alignof(connection) <= 16, "states are aligned to 16 bytes at most");

    static detail::instance<T>& instance_of(pk_codec_conn* c) noexcept {
        return detail::instance<T>::of(c->instance);
    }
    static connection& of(pk_codec_conn* c) noexcept { return *static_cast<connection*>(c->state); }

    // Runs one hook; what it throws closes the connection.
    template <class F>
    static bool contained(pk_codec_conn* c, F f) noexcept {
        const auto failed = [c](std::string_view what) {
            instance_of(c).host.log(PK_LOG_ERROR, what);
            codec_link(c).close(PK_END_PLUGIN_ERROR, what);
            return false;
        };
        try {
            f();
            return true;
        } catch (const std::exception& e) {
            fixed_text<512> line;
            line << "exception in a hook: " << std::string_view(e.what()).substr(0, 400);
            return failed(line);
        } catch (...) {
            return failed("exception in a hook: not a std::exception");
        }
    }

    static const pk_str* protocols(void* raw, std::uint32_t* count) noexcept {
        const std::span<const pk_str> all =
            std::as_const(detail::instance<T>::of(raw).plugin).protocols();
        *count = static_cast<std::uint32_t>(all.size());
        return all.data();
    }
    static constexpr auto probe() -> decltype(pk_codec::probe) {
        if constexpr (!requires(const T& t, std::string_view first) { t.probe(first); })
            return nullptr;
        else
            return [](void* raw, pk_str first) noexcept -> std::uint32_t {
                return std::as_const(detail::instance<T>::of(raw).plugin).probe(view(first));
            };
    }

    static pk_status open(pk_codec_conn* c) noexcept {
        const bool made = contained(c, [c] {
            new (c->state) connection(std::as_const(instance_of(c).plugin), codec_link(c));
        });
        return made ? PK_OK : PK_FAILED;
    }
    static std::uint64_t received(pk_codec_conn* c, const pk_slice_view* bytes) noexcept {
        const data all(*bytes);
        std::uint64_t taken = 0;
        return contained(c, [&] { taken = of(c).received(all); }) ? taken : all.size();
    }
    static void received_end(pk_codec_conn* c) noexcept {
        contained(c, [c] { of(c).received_end(); });
    }
    static void write(pk_codec_conn* c) noexcept {
        contained(c, [c] { of(c).write(); });
    }
    static void drain(pk_codec_conn* c) noexcept {
        contained(c, [c] { of(c).drain(); });
    }
    static void close(pk_codec_conn* c, std::uint32_t cause) noexcept {
        contained(c, [=] { of(c).close(cause); });
    }
    static void timer(pk_codec_conn* c) noexcept {
        contained(c, [c] { of(c).timer(); });
    }
    static void conn_credit(pk_codec_conn* c, std::uint64_t bytes) noexcept {
        contained(c, [=] { of(c).conn_credit(bytes); });
    }
    static void closed(pk_codec_conn* c) noexcept { of(c).~connection(); }

    static void respond(pk_codec_stream* s, std::uint32_t code, pk_field_view fields) noexcept {
        contained(s->conn, [&] { of(s->conn).respond(slot::of(s), code, field_list(fields)); });
    }
    static void available(pk_codec_stream* s, std::uint64_t bytes, std::uint32_t flags) noexcept {
        contained(s->conn, [=] { of(s->conn).available(slot::of(s), bytes, flags); });
    }
    static void end(pk_codec_stream* s, pk_field_view trailers) noexcept {
        contained(s->conn, [&] { of(s->conn).end(slot::of(s), field_list(trailers)); });
    }
    static void reset(pk_codec_stream* s, std::uint32_t cause) noexcept {
        contained(s->conn, [=] { of(s->conn).reset(slot::of(s), cause); });
    }
    static void credit(pk_codec_stream* s, std::uint64_t bytes) noexcept {
        contained(s->conn, [=] { of(s->conn).credit(slot::of(s), bytes); });
    }
    static void stream_closed(pk_codec_stream* s) noexcept {
        contained(s->conn, [s] { of(s->conn).stream_closed(slot::of(s)); });
        slot::end(s);
    }

    static constexpr pk_codec make() {
        pk_codec c{};
        c.size = sizeof c;
        c.state_size = sizeof(connection);
        c.factory = &detail::factory_of<T, Schema>::table;
        c.stream_state_size = sizeof(slot);
        c.protocols = protocols;
        c.probe = probe();
        c.open = open;
        c.received = received;
        c.received_end = received_end;
        c.write = write;
        c.respond = respond;
        c.available = available;
        c.end = end;
        c.reset = reset;
        c.credit = credit;
        c.conn_credit = conn_credit;
        c.stream_closed = stream_closed;
        c.drain = drain;
        c.close = close;
        c.timer = timer;
        c.closed = closed;
        c.version = str(T::version);
        return c;
    }
    static constexpr pk_codec table = make();
};

}  // namespace pk

// pk::transport<T, schema>: makes a plain class turn a connection's bytes into plaintext and back.
//
// Hooks, all const, each with the `state&` at the end if it wants it:
//     bool on_open(conn&)                                          optional; false: refused
//     io   on_handshake(conn&)
//     io   on_read(conn&, std::span<char> into, std::uint64_t& n)
//     io   on_write(conn&, data, std::uint64_t& n)
//     io   on_close_write(conn&)
//     void on_closed(conn&)                                        optional
//     std::uint32_t plaintext(conn&)                               optional; PK_PLAIN_...
//     bool serves(conn&, std::string_view host)                    optional
//     std::optional<std::string_view> variable(conn&, std::uint32_t index)
//                                      with std::span<const pk_str> variables() const
// `struct state` inside the class is made once a connection, and destroyed after on_closed.
// void prepare(side) [control] is told once what the instance is used for.
// `static constexpr bool secure = true`: requests that come through it are https.

#pragma once

#include <pkernel/abi/transport.h>
#include <pkernel/detail/factory.hpp>
#include <pkernel/detail/hooks.hpp>

#include <optional>
#include <span>

namespace pk {

enum class side : std::uint32_t { accept = PK_SIDE_ACCEPT, connect = PK_SIDE_CONNECT };

// What an I/O hook answers; the words are explained at PK_IO_....
enum class io : pk_io {
    complete = PK_IO_DONE,
    want_read = PK_IO_WANT_READ,
    want_write = PK_IO_WANT_WRITE,
    paused = PK_IO_PAUSED,
    end = PK_IO_END,
    failed = PK_IO_FAILED,
    drained = PK_IO_DRAINED
};

// One connection. [worker]
class conn {
public:
    explicit conn(pk_conn* raw) noexcept : raw_(raw) {}

    int fd() const noexcept { return raw_->fd; }
    pk::side side() const noexcept { return static_cast<pk::side>(raw_->side); }
    // Protocol ids: to choose from (accept), or to offer (connect).
    std::span<const pk_str> protocols() const noexcept {
        std::uint32_t count = 0;
        const pk_str* first = raw_->api->protocols(raw_, &count);
        return {first, count};
    }
    [[nodiscard]] pk_status set_protocol(std::string_view name) const noexcept {
        return raw_->api->set_protocol(raw_, str(name));
    }
    std::string_view peer_name() const noexcept { return view(raw_->api->peer_name(raw_)); }
    std::string_view place() const noexcept { return view(raw_->api->place(raw_)); }
    pk_address peer() const noexcept { return raw_->api->peer(raw_); }
    void resume() const noexcept { raw_->api->resume(raw_); }
    pk_waker make_waker() const noexcept { return raw_->api->make_waker(raw_); }
    [[nodiscard]] pk_status submit(const pk_conn_job& job) const noexcept {
        return raw_->api->submit(raw_, &job);
    }
    // Says why; gives what the hook then answers.
    io fail(std::uint32_t cause, std::string_view why) const noexcept {
        raw_->api->fail(raw_, cause, str(why));
        return io::failed;
    }
    // Inside on_write: more bytes or on_close_write follow in the same turn.
    bool more() const noexcept { return raw_->api->more(raw_) != 0; }
    pk_conn* raw() const noexcept { return raw_; }

private:
    pk_conn* raw_;
};

namespace detail::conn_hooks {

PKERNEL_HOOK(on_open);
PKERNEL_HOOK(on_handshake);
PKERNEL_HOOK(on_read);
PKERNEL_HOOK(on_write);
PKERNEL_HOOK(on_close_write);
PKERNEL_HOOK(on_closed);
PKERNEL_HOOK(plaintext);
PKERNEL_HOOK(serves);
PKERNEL_HOOK(variable);

template <class Hook, class T, class... A>
decltype(auto) call(pk_conn* raw, A... a) {
    const T& plugin = instance<T>::of(raw->instance).plugin;
    conn c(raw);
    if constexpr (Hook::template fits<T, conn&, A...>) {
        return Hook::template call<T, conn&, A...>(plugin, c, a...);
    } else {
        static_assert(has_state<T>, "hook: wrong arguments, or not const");
        using state = typename T::state;
        static_assert(Hook::template fits<T, conn&, A..., state&>,
                      "hook: wrong arguments, or not const");
        return Hook::template call<T, conn&, A..., state&>(plugin, c, a..., state_of<T>::of(raw));
    }
}

// Runs one hook. An exception costs this connection and nothing else.
template <class Result, class F>
Result contained(pk_conn* c, Result on_error, F f) noexcept {
    try {
        return f();
    } catch (const std::exception& e) {
        c->api->fail(c, PK_END_PLUGIN_ERROR, str(e.what()));
    } catch (...) {
        c->api->fail(c, PK_END_PLUGIN_ERROR, str("the plugin threw what is not a std::exception"));
    }
    return on_error;
}

template <class T, class Hook>
pk_io io_hook(pk_conn* c) noexcept {
    return contained(c, pk_io{PK_IO_FAILED}, [c] { return static_cast<pk_io>(call<Hook, T>(c)); });
}

}  // namespace detail::conn_hooks

template <class T, const auto& Schema = no_options>
struct transport {
    static constexpr std::string_view id = PK_TRANSPORT_ID;
    using plugin = T;

private:
    static pk_status open(pk_conn* c) noexcept {
        using namespace detail::conn_hooks;
        if constexpr (on_open::declared<T>) {
            const auto run = [c] { return call<on_open, T>(c) ? PK_OK : PK_FAILED; };
            const auto said = contained(c, pk_status{PK_FAILED}, run);
            if (said != PK_OK) end_state(c);
            return said;
        }
        return PK_OK;
    }
    static void end_state(pk_conn* c) noexcept {
        if constexpr (detail::state_of<T>::size > 0) detail::state_of<T>::end(c);
    }
    static pk_io read(pk_conn* c, char* into, std::uint64_t size, std::uint64_t* n) noexcept {
        using namespace detail::conn_hooks;
        return contained(c, pk_io{PK_IO_FAILED}, [=] {
            const std::span<char> room(into, size);
            return static_cast<pk_io>(
                call<on_read, T, std::span<char>, std::uint64_t&>(c, room, *n));
        });
    }
    static pk_io write(pk_conn* c, const pk_slice_view* bytes, std::uint64_t* n) noexcept {
        using namespace detail::conn_hooks;
        return contained(c, pk_io{PK_IO_FAILED}, [=] {
            return static_cast<pk_io>(call<on_write, T, data, std::uint64_t&>(c, data(*bytes), *n));
        });
    }
    static void closed(pk_conn* c) noexcept {
        using namespace detail::conn_hooks;
        if constexpr (on_closed::declared<T>) {
            contained(c, 0, [c] { return call<on_closed, T>(c), 0; });
        }
        end_state(c);
    }
    static constexpr auto plaintext() -> std::uint32_t (*)(pk_conn*) {
        using hook = detail::conn_hooks::plaintext;
        if constexpr (!hook::template declared<T>)
            return nullptr;
        else
            return [](pk_conn* c) noexcept -> std::uint32_t {
                return detail::conn_hooks::contained(
                    c, 0u, [c] { return detail::conn_hooks::call<hook, T>(c); });
            };
    }
    static constexpr auto serves() -> std::uint32_t (*)(pk_conn*, pk_str) {
        using hook = detail::conn_hooks::serves;
        if constexpr (!hook::template declared<T>)
            return nullptr;
        else
            return [](pk_conn* c, pk_str host) noexcept -> std::uint32_t {
                return detail::conn_hooks::contained(c, 0u, [=]() -> std::uint32_t {
                    return detail::conn_hooks::call<hook, T, std::string_view>(c, view(host)) ? 1
                                                                                              : 0;
                });
            };
    }
    static constexpr auto variables() -> const pk_str* (*)(void*, std::uint32_t*) {
        if constexpr (!requires(const T& t) { t.variables(); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t* count) noexcept {
                const std::span<const pk_str> names =
                    detail::instance<T>::of(raw).plugin.variables();
                *count = static_cast<std::uint32_t>(names.size());
                return names.data();
            };
    }
    static constexpr auto variable() -> pk_status (*)(pk_conn*, std::uint32_t, pk_str*) {
        using hook = detail::conn_hooks::variable;
        if constexpr (!hook::template declared<T>)
            return nullptr;
        else
            return [](pk_conn* c, std::uint32_t index, pk_str* value) noexcept -> pk_status {
                return detail::conn_hooks::contained(c, pk_status{PK_FAILED}, [=]() -> pk_status {
                    const std::optional<std::string_view> found =
                        detail::conn_hooks::call<hook, T, std::uint32_t>(c, index);
                    if (!found) return PK_NOT_FOUND;
                    *value = str(*found);
                    return PK_OK;
                });
            };
    }
    static constexpr auto prepare() -> pk_status (*)(void*, std::uint32_t) {
        if constexpr (!requires(T & t) { t.prepare(side::accept); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t of) noexcept -> pk_status {
                auto& i = detail::instance<T>::of(raw);
                return detail::contained(
                    i.host, [&] { return i.plugin.prepare(static_cast<side>(of)), PK_OK; });
            };
    }
    static constexpr std::uint32_t flags() {
        if constexpr (requires { T::secure; }) return T::secure ? +PK_TRANSPORT_SECURE : 0u;
        return 0;
    }

public:
    static constexpr pk_transport table{
        sizeof(pk_transport),
        detail::state_of<T>::size,
        &detail::factory_of<T, Schema>::table,
        flags(),
        0,
        open,
        detail::conn_hooks::io_hook<T, detail::conn_hooks::on_handshake>,
        read,
        write,
        detail::conn_hooks::io_hook<T, detail::conn_hooks::on_close_write>,
        closed,
        plaintext(),
        serves(),
        variables(),
        variable(),
        prepare()};
};

}  // namespace pk

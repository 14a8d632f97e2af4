// pk::tunnel<T, schema>: makes a plain class a tunnel of a route's `upgrade`.
//
// std::span<const pk_str> protocols() const: those that it judges, as in Upgrade; at least one.
// Hooks, all const, each with the `state&` at the end if it wants it; all but on_judge optional:
//     verdict on_judge(stream&)                       the request is held: next, or reply()
//     verdict on_accepted(stream&)                    the origin's 101 is held: next begins it
//     bytes   on_data(stream&, direction, data)       of directions that are looked at; taken
//     verdict on_end(stream&, direction)              next passes the half-close on
//     void    on_drained(stream&, direction)
//     verdict on_resumed(stream&, direction)          its verdict stands for the hook's that waited
//     void    on_limit(stream&, uint32_t which)       PK_TUNNEL_...: 5 s for a goodbye
//     void    on_drain(stream&, uint64_t deadline_ns) a goodbye, now or when it is convenient; 0: a
//                                                     reload has left it behind
//     void    on_stream_end(stream&, uint32_t cause)
// What is looked at and for how long it may last is set in on_accepted: services/tunnel.hpp.

#pragma once

#include <pkernel/abi/tunnel.h>
#include <pkernel/detail/factory.hpp>
#include <pkernel/detail/hooks.hpp>
#include <pkernel/services/tunnel.hpp>

#include <span>

namespace pk {
namespace detail::tunnel_hooks {

PKERNEL_HOOK(on_judge);
PKERNEL_HOOK(on_accepted);
PKERNEL_HOOK(on_data);
PKERNEL_HOOK(on_end);
PKERNEL_HOOK(on_drained);
PKERNEL_HOOK(on_resumed);
PKERNEL_HOOK(on_limit);
PKERNEL_HOOK(on_drain);
PKERNEL_HOOK(on_stream_end);

template <class T>
constexpr auto data() -> decltype(pk_tunnel::data) {
    if constexpr (!on_data::declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, std::uint32_t d, const pk_slice_view* slices,
                  std::uint32_t f) noexcept -> std::uint64_t {
            return contained<T>(s, std::uint64_t{0}, [=] {
                return call<on_data, T, direction, pk::data>(s, static_cast<direction>(d),
                                                             pk::data(*slices, f));
            });
        };
}

template <class T, class Hook>
constexpr auto in_direction() -> pk_verdict (*)(pk_stream*, std::uint32_t) {
    if constexpr (!Hook::template declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, std::uint32_t d) noexcept -> pk_verdict {
            const auto way = static_cast<direction>(d);
            return contained<T>(s, pk_verdict{PK_DONE},
                                [=] { return verdict_of<Hook, T, direction>(s, way); });
        };
}

// A hook without a verdict that is told one number.
template <class T, class Hook, class Argument, class Raw>
constexpr auto told() -> void (*)(pk_stream*, Raw) {
    if constexpr (!Hook::template declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, Raw raw) noexcept {
            const auto what = static_cast<Argument>(raw);
            contained<T>(s, 0, [=] { return call<Hook, T, Argument>(s, what), 0; });
        };
}

}  // namespace detail::tunnel_hooks

template <class T, const auto& Schema = no_options>
struct tunnel {
    static constexpr std::string_view id = PK_TUNNEL_ID;
    using plugin = T;

    static const pk_str* protocols(void* raw, std::uint32_t* count) noexcept {
        const std::span<const pk_str> all =
            std::as_const(detail::instance<T>::of(raw).plugin).protocols();
        *count = static_cast<std::uint32_t>(all.size());
        return all.data();
    }

    static constexpr pk_tunnel make() {
        using namespace detail;
        using namespace detail::tunnel_hooks;
        static_assert(on_judge::declared<T>, "a tunnel has at least on_judge");
        pk_tunnel t{};
        t.size = sizeof t;
        t.state_size = state_of<T>::size;
        t.factory = &factory_of<T, Schema>::table;
        t.protocols = protocols;
        t.judge = verdict_hook<T, on_judge>();
        t.accepted = verdict_hook<T, on_accepted>();
        t.data = tunnel_hooks::data<T>();
        t.end = in_direction<T, on_end>();
        t.drained = told<T, on_drained, direction, std::uint32_t>();
        t.resumed = in_direction<T, on_resumed>();
        t.limit = told<T, on_limit, std::uint32_t, std::uint32_t>();
        t.drain = told<T, on_drain, std::uint64_t, std::uint64_t>();
        t.stream_end = end_hook<T, on_stream_end>();
        return t;
    }
    static constexpr pk_tunnel table = make();
};

}  // namespace pk

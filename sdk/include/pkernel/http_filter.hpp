// pk::http_filter<T, schema>: makes a plain class a filter of a route's chain.
//
// Hooks, all const, each optional, each with the `state&` at the end if it wants it:
//     verdict on_request(stream&)              verdict on_response(stream&)
//     bytes   on_request_data(stream&, data)   bytes   on_response_data(stream&, data)
//     verdict on_request_end(stream&)          verdict on_response_end(stream&)
//     verdict on_request_collected(stream&)    verdict on_response_collected(stream&)
//     verdict on_informational(stream&)        void    on_drained(stream&, direction)
//     verdict on_resumed(stream&, direction)   its verdict stands for the hook's that waited
//     void    on_stream_end(stream&, uint32_t cause)
// A verdict hook may give void (next); a data hook gives bytes taken, a verdict, or void (all).
// `struct state` inside the class is made once a stream and destroyed with it.
// std::span<const pk_str> vouches() const: request fields that nobody but this filter may set.
// uint32_t interest() const: PK_ON_... that this instance needs after all, out of those it has.

#pragma once

#include <pkernel/abi/http_filter.h>
#include <pkernel/detail/factory.hpp>
#include <pkernel/detail/hooks.hpp>

namespace pk {
namespace detail::filter_hooks {

PKERNEL_HOOK(on_request);
PKERNEL_HOOK(on_request_data);
PKERNEL_HOOK(on_request_end);
PKERNEL_HOOK(on_request_collected);
PKERNEL_HOOK(on_informational);
PKERNEL_HOOK(on_response);
PKERNEL_HOOK(on_response_data);
PKERNEL_HOOK(on_response_end);
PKERNEL_HOOK(on_response_collected);
PKERNEL_HOOK(on_drained);
PKERNEL_HOOK(on_resumed);
PKERNEL_HOOK(on_stream_end);

template <class T, class Hook>
constexpr std::uint32_t bit(std::uint32_t if_declared) {
    return Hook::template declared<T> ? if_declared : 0;
}

template <class T>
constexpr std::uint32_t mask() {
    return bit<T, on_request>(PK_ON_REQUEST_HEADERS) | bit<T, on_request_data>(PK_ON_REQUEST_DATA) |
           bit<T, on_request_end>(PK_ON_REQUEST_END) |
           bit<T, on_informational>(PK_ON_INFORMATIONAL) |
           bit<T, on_response>(PK_ON_RESPONSE_HEADERS) |
           bit<T, on_response_data>(PK_ON_RESPONSE_DATA) |
           bit<T, on_response_end>(PK_ON_RESPONSE_END) | bit<T, on_stream_end>(PK_ON_STREAM_END);
}

template <class T>
constexpr auto drained() -> void (*)(pk_stream*, std::uint32_t) {
    if constexpr (!on_drained::declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, std::uint32_t d) noexcept {
            const auto way = static_cast<direction>(d);
            contained<T>(s, 0, [=] { return call<on_drained, T, direction>(s, way), 0; });
        };
}

template <class T>
constexpr auto resumed() -> pk_verdict (*)(pk_stream*, std::uint32_t) {
    if constexpr (!on_resumed::declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, std::uint32_t d) noexcept -> pk_verdict {
            const auto way = static_cast<direction>(d);
            return contained<T>(s, pk_verdict{PK_DONE},
                                [=] { return verdict_of<on_resumed, T, direction>(s, way); });
        };
}

}  // namespace detail::filter_hooks

template <class T, const auto& Schema = no_options>
struct http_filter {
    static constexpr std::string_view id = PK_HTTP_FILTER_ID;
    using plugin = T;

    static std::uint32_t interest(void* raw) noexcept {
        std::uint32_t mask = detail::filter_hooks::mask<T>();
        const T& plugin = detail::instance<T>::of(raw).plugin;
        if constexpr (requires { plugin.interest(); }) mask &= plugin.interest();
        return detail::state_of<T>::needs_end ? mask | PK_ON_STREAM_END : mask;
    }

    static constexpr auto vouches() -> const pk_str* (*)(void*, std::uint32_t*) {
        if constexpr (!requires(const T& t) { t.vouches(); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t* count) noexcept {
                const std::span<const pk_str> names = detail::instance<T>::of(raw).plugin.vouches();
                *count = static_cast<std::uint32_t>(names.size());
                return names.data();
            };
    }

    static constexpr pk_http_filter make() {
        using namespace detail;
        using namespace detail::filter_hooks;
        static_assert(filter_hooks::mask<T>() != 0, "this filter has no hook");
        pk_http_filter f{};
        f.size = sizeof f;
        f.state_size = state_of<T>::size;
        f.factory = &factory_of<T, Schema>::table;
        f.interest = interest;
        f.vouches = vouches();
        f.request_headers = verdict_hook<T, on_request>();
        f.request_data = data_hook<T, on_request_data>();
        f.request_end = verdict_hook<T, on_request_end>();
        f.request_collected = verdict_hook<T, on_request_collected>();
        f.informational = verdict_hook<T, on_informational>();
        f.response_headers = verdict_hook<T, on_response>();
        f.response_data = data_hook<T, on_response_data>();
        f.response_end = verdict_hook<T, on_response_end>();
        f.response_collected = verdict_hook<T, on_response_collected>();
        f.drained = drained<T>();
        f.stream_end = end_hook<T, on_stream_end>();
        f.resumed = resumed<T>();
        return f;
    }
    static constexpr pk_http_filter table = make();
};

}  // namespace pk

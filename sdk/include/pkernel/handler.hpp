// pk::handler<T, schema>: makes a plain class answer requests itself.
//
// Hooks, all const, with the `state&` at the end if wanted; all but the first optional:
//     verdict on_request(stream&)     the headers are there: reply(), or respond() and go on later
//     bytes   on_data(stream&, data)  the request's body
//     verdict on_end(stream&)         the request is complete
//     verdict on_collected(stream&)   after collect()
//     void    on_drained(stream&)     emit more; called once after respond() too
//     void    on_resumed(stream&)     a waker or resume() of this stream
//     void    on_stream_end(stream&, uint32_t cause)

#pragma once

#include <pkernel/abi/handler.h>
#include <pkernel/detail/factory.hpp>
#include <pkernel/detail/hooks.hpp>

namespace pk {
namespace detail::handler_hooks {

PKERNEL_HOOK(on_request);
PKERNEL_HOOK(on_data);
PKERNEL_HOOK(on_end);
PKERNEL_HOOK(on_collected);
PKERNEL_HOOK(on_drained);
PKERNEL_HOOK(on_resumed);
PKERNEL_HOOK(on_stream_end);

}  // namespace detail::handler_hooks

template <class T, const auto& Schema = no_options>
struct handler {
    static constexpr std::string_view id = PK_HANDLER_ID;
    using plugin = T;

    static constexpr pk_handler make() {
        using namespace detail;
        using namespace detail::handler_hooks;
        static_assert(on_request::declared<T>, "a handler has at least on_request");
        pk_handler h{};
        h.size = sizeof h;
        h.state_size = state_of<T>::size;
        h.factory = &factory_of<T, Schema>::table;
        h.request = verdict_hook<T, on_request>();
        h.data = data_hook<T, on_data>();
        h.end = verdict_hook<T, on_end>();
        h.collected = verdict_hook<T, on_collected>();
        h.drained = plain_hook<T, on_drained>();
        h.resumed = plain_hook<T, on_resumed>();
        h.stream_end = end_hook<T, on_stream_end>();
        return h;
    }
    static constexpr pk_handler table = make();
};

}  // namespace pk

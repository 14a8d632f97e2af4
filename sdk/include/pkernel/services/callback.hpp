// Calls back into the plugin that owns a stream, by a pointer to its member function.

#pragma once

#include <pkernel/detail/hooks.hpp>

namespace pk::detail {

template <class F>
struct member_of;
template <class T, class R, class... A>
struct member_of<R (T::*)(A...) const> {
    using type = T;
};
template <class T, class R, class... A>
struct member_of<R (T::*)(A...) const noexcept> {
    using type = T;
};

// Fn is a const member function: (stream&, A..., [state&]).
template <auto Fn, class... A>
void call_back(pk_stream* raw, A&... a) noexcept {
    using T = typename member_of<decltype(Fn)>::type;
    contained<T>(raw, 0, [&] {
        stream s(raw);
        const T& plugin = instance<T>::of(raw).plugin;
        if constexpr (std::is_invocable_v<decltype(Fn), const T&, stream&, A&...>) {
            (plugin.*Fn)(s, a...);
        } else {
            (plugin.*Fn)(s, a..., state_of<T>::of(raw));
        }
        return 0;
    });
}

}  // namespace pk::detail

// Hooks: which a class has, and how one is called.
//
// A hook is a public const member function (an instance is shared by all workers) that takes the
// pk::stream&, what belongs to the event, and last, if it wants it, the stream's state&. One that
// is declared with other arguments does not compile, rather than never being called, nor does one
// that is private or has overloads.

#pragma once

#include <pkernel/detail/instance.hpp>

#define PKERNEL_HOOK(hook_name)                                                                \
    struct hook_name {                                                                         \
        struct same_name {                                                                     \
            void hook_name();                                                                  \
        };                                                                                     \
        template <class T>                                                                     \
        struct both : T, same_name {}; /* Has it once only if T has no member of that name. */ \
        template <class T>                                                                     \
        static consteval bool find() {                                                         \
            constexpr bool found = requires {                                                  \
                &T::hook_name;                                                                 \
            };                                                                                 \
            if constexpr (!found && !std::is_final_v<T>)                                       \
                static_assert(                                                                 \
                    requires { &both<T>::hook_name; },                                         \
                    "hook: private, or with overloads: it would never be called");             \
            return found;                                                                      \
        }                                                                                      \
        template <class T>                                                                     \
        static constexpr bool declared = find<T>();                                            \
        template <class T, class... A>                                                         \
        static constexpr bool fits = requires(const T& t, A... a) {                            \
            t.hook_name(a...);                                                                 \
        };                                                                                     \
        template <class T, class... A>                                                         \
        static decltype(auto) call(const T& t, A... a) noexcept(noexcept(t.hook_name(a...))) { \
            return t.hook_name(a...);                                                          \
        }                                                                                      \
    }

namespace pk::detail {

template <class T>
concept has_state = requires {
    typename T::state;
};

// The state of a stream (or connection) with a mark that it was made: memory comes zeroed, and the
// first hook that wants it makes it, whichever that is.
template <class T>
struct state_of {
    static constexpr std::uint32_t size = 0;
    static constexpr bool needs_end = false;
};
template <has_state T>
struct state_of<T> {
    using type = typename T::state;
    struct slot {
        alignas(type) unsigned char memory[sizeof(type)];
        unsigned char made;
    };
    static_assert(alignof(slot) <= 16, "the state is aligned to 16 bytes at most");
    static constexpr std::uint32_t size = sizeof(slot);
    static constexpr bool needs_end = !std::is_trivially_destructible_v<type>;

    template <class Handle>
    static type& of(Handle* s) {
        auto* at = static_cast<slot*>(s->state);
        if (at->made == 0) {
            new (at->memory) type{};
            at->made = 1;
        }
        return *std::launder(reinterpret_cast<type*>(at->memory));
    }
    template <class Handle>
    static void end(Handle* s) noexcept {
        auto* at = static_cast<slot*>(s->state);
        if (at->made != 0) of(s).~type();
        at->made = 0;
    }
};

// Calls the hook with the state if it takes it, without if not.
template <class Hook, class T, class... A>
decltype(auto) call(pk_stream* raw, A... a) {
    const T& plugin = instance<T>::of(raw).plugin;
    stream s(raw);
    if constexpr (Hook::template fits<T, stream&, A...>) {
        return Hook::template call<T, stream&, A...>(plugin, s, a...);
    } else {
        static_assert(has_state<T>, "hook: wrong arguments, or not const");
        using state = typename T::state;
        static_assert(Hook::template fits<T, stream&, A..., state&>,
                      "hook: wrong arguments, or not const");
        return Hook::template call<T, stream&, A..., state&>(plugin, s, a..., state_of<T>::of(raw));
    }
}

template <class Hook, class T, class... A>
pk_verdict verdict_of(pk_stream* raw, A... a) {
    if constexpr (std::is_void_v<decltype(call<Hook, T, A...>(raw, a...))>) {
        call<Hook, T, A...>(raw, a...);
        return PK_NEXT;
    } else {
        const verdict v = call<Hook, T, A...>(raw, a...);
        return static_cast<pk_verdict>(v);
    }
}

// A data hook may give the bytes that it took, or a verdict (next and done take all, wait takes
// nothing until resume), or nothing (an observer that takes all).
template <class Hook, class T>
std::uint64_t taken_of(pk_stream* raw, const pk_slice_view* slices, std::uint32_t flags) {
    const data d(*slices, flags);
    using result = decltype(call<Hook, T, data>(raw, d));
    if constexpr (std::is_void_v<result>) {
        call<Hook, T, data>(raw, d);
        return d.size();
    } else if constexpr (std::same_as<result, verdict>) {
        return call<Hook, T, data>(raw, d) == verdict::wait ? 0 : d.size();
    } else {
        return call<Hook, T, data>(raw, d);
    }
}

// The functions of the C tables: null for a hook that T does not have.
template <class T, class Hook>
constexpr auto verdict_hook() -> pk_verdict (*)(pk_stream*) {
    if constexpr (!Hook::template declared<T>)
        return nullptr;
    else
        return [](pk_stream* s) noexcept -> pk_verdict {
            return contained<T>(s, pk_verdict{PK_DONE}, [s] { return verdict_of<Hook, T>(s); });
        };
}

template <class T, class Hook>
constexpr auto data_hook() -> std::uint64_t (*)(pk_stream*, const pk_slice_view*, std::uint32_t) {
    if constexpr (!Hook::template declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, const pk_slice_view* d, std::uint32_t f) noexcept -> std::uint64_t {
            return contained<T>(s, std::uint64_t{0}, [=] { return taken_of<Hook, T>(s, d, f); });
        };
}

template <class T, class Hook>
constexpr auto plain_hook() -> void (*)(pk_stream*) {
    if constexpr (!Hook::template declared<T>)
        return nullptr;
    else
        return
            [](pk_stream* s) noexcept { contained<T>(s, 0, [s] { return call<Hook, T>(s), 0; }); };
}

// The last hook: tells the plugin if it wants to know, then ends the state.
template <class T, class Hook>
constexpr auto end_hook() -> void (*)(pk_stream*, std::uint32_t) {
    if constexpr (!Hook::template declared<T> && !state_of<T>::needs_end)
        return nullptr;
    else
        return [](pk_stream* s, std::uint32_t cause) noexcept {
            if constexpr (Hook::template declared<T>) {
                contained<T>(
                    s, 0, [=] { return call<Hook, T, std::uint32_t>(s, cause), 0; }, at_end{});
            }
            if constexpr (state_of<T>::size > 0) state_of<T>::end(s);
        };
}

}  // namespace pk::detail

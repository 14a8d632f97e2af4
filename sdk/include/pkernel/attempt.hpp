// pk::attempt<T, schema>: makes a plain class decide on attempts at an upstream.
//
//     uint64_t keeps() const                     bytes of a body to keep for a replay
//     uint64_t spills() const                    the same, with what may go to a file
//     bool judges(uint32_t status) const         whether failed() is asked about that status
//     attempt_verdict before_send(stream&, const pk_attempt_facts&, attempt_plan&[, state&]) const
//     attempt_verdict failed(stream&, const pk_attempt_facts&, attempt_plan&[, state&]) const
//     void finished(stream&, const pk_attempt_facts&[, state&]) const
// Each is optional. The state is trivially destructible: no hook tells of a stream's end.

#pragma once

#include <pkernel/abi/attempt.h>
#include <pkernel/detail/factory.hpp>
#include <pkernel/detail/hooks.hpp>

namespace pk {

using attempt_facts = pk_attempt_facts;
using attempt_plan = pk_attempt_plan;

enum class attempt_verdict : std::uint32_t {
    pass = PK_ATTEMPT_PASS,
    other = PK_ATTEMPT_OTHER,
    same = PK_ATTEMPT_SAME,
    give_up = PK_ATTEMPT_GIVE_UP,
};

namespace detail {

PKERNEL_HOOK(before_send);
PKERNEL_HOOK(failed);
PKERNEL_HOOK(finished);

template <class T, class Hook>
constexpr auto attempt_hook()
    -> std::uint32_t (*)(pk_stream*, const pk_attempt_facts*, pk_attempt_plan*) {
    if constexpr (!Hook::template declared<T>)
        return nullptr;
    else
        return [](pk_stream* s, const pk_attempt_facts* f, pk_attempt_plan* p) noexcept {
            return contained<T>(
                s, std::uint32_t{PK_ATTEMPT_PASS},
                [=] {
                    return static_cast<std::uint32_t>(
                        call<Hook, T, const attempt_facts&, attempt_plan&>(s, *f, *p));
                },
                at_end{});
        };
}

}  // namespace detail

template <class T, const auto& Schema = no_options>
struct attempt {
    static constexpr std::string_view id = PK_ATTEMPT_ID;
    using plugin = T;
    static_assert(!detail::state_of<T>::needs_end);

    static constexpr auto keeps() -> decltype(pk_attempt::keeps) {
        if constexpr (!requires(const T& t) { t.keeps(); })
            return nullptr;
        else
            return [](void* raw) noexcept -> std::uint64_t {
                return std::as_const(detail::instance<T>::of(raw).plugin).keeps();
            };
    }

    static constexpr auto spills() -> decltype(pk_attempt::spills) {
        if constexpr (!requires(const T& t) { t.spills(); })
            return nullptr;
        else
            return [](void* raw) noexcept -> std::uint64_t {
                return std::as_const(detail::instance<T>::of(raw).plugin).spills();
            };
    }

    static constexpr auto judges() -> decltype(pk_attempt::judges) {
        if constexpr (!requires(const T& t) { t.judges(200u); })
            return nullptr;
        else
            return [](void* raw, std::uint64_t* statuses) noexcept {
                const T& t = detail::instance<T>::of(raw).plugin;
                for (std::uint32_t at = 0; at < 500; ++at)
                    if (t.judges(at + 100)) statuses[at / 64] |= std::uint64_t{1} << at % 64;
            };
    }

    static constexpr auto finished() -> decltype(pk_attempt::finished) {
        if constexpr (!detail::finished::declared<T>)
            return nullptr;
        else
            return [](pk_stream* s, const pk_attempt_facts* f) noexcept {
                detail::contained<T>(
                    s, 0,
                    [=] {
                        detail::call<detail::finished, T, const attempt_facts&>(s, *f);
                        return 0;
                    },
                    detail::at_end{});
            };
    }

    static constexpr pk_attempt table{sizeof(pk_attempt),
                                      detail::state_of<T>::size,
                                      &detail::factory_of<T, Schema>::table,
                                      keeps(),
                                      judges(),
                                      detail::attempt_hook<T, detail::before_send>(),
                                      detail::attempt_hook<T, detail::failed>(),
                                      finished(),
                                      spills()};
};

}  // namespace pk

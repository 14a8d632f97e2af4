// pk::log<T, schema>: makes a plain class write a record for each request.
//
//     void record(const pk_record&) const   [worker] after the last byte; must not block
//     void reopen()                         [control] optional; the log was rotated
//     void tick(uint32_t worker) const      [worker] optional; about once a second
// Strings of a record may hold any byte: escape them.

#pragma once

#include <pkernel/abi/log.h>
#include <pkernel/detail/factory.hpp>

namespace pk {

template <class T, const auto& Schema = no_options>
struct log {
    static constexpr std::string_view id = PK_LOG_ID;
    using plugin = T;

    // A log that throws loses its line; the request was answered already.
    template <class F>
    static void contained(void* raw, F f) noexcept {
        detail::call_logged<T>(raw, "exception in a log hook", f);
    }

    static void record(void* raw, const pk_record* r) noexcept {
        contained(raw, [r](const T& t) { t.record(*r); });
    }
    static constexpr auto reopen() -> void (*)(void*) {
        if constexpr (!requires(T & t) { t.reopen(); })
            return nullptr;
        else
            return [](void* raw) noexcept { contained(raw, [](T& t) { t.reopen(); }); };
    }
    static constexpr auto tick() -> void (*)(void*, std::uint32_t) {
        if constexpr (!requires(const T& t) { t.tick(0u); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t worker) noexcept {
                contained(raw, [worker](const T& t) { t.tick(worker); });
            };
    }

    static constexpr pk_log table{sizeof(pk_log), 0,        &detail::factory_of<T, Schema>::table,
                                  record,         reopen(), tick()};
};

}  // namespace pk

// The part that is the same at each extension point: create, validate, start … destroy.

#pragma once

#include <pkernel/detail/instance.hpp>
#include <pkernel/detail/option_table.hpp>

#include <memory>

namespace pk {

struct no_settings {};
inline constexpr detail::schema_of<no_settings> no_options{};

namespace detail {

// validate() and start() give nothing, or false after having said why through host.error.
template <class F>
pk_status step(F f) {
    if constexpr (std::is_void_v<decltype(f())>) {
        f();
        return PK_OK;
    } else {
        return f() ? PK_OK : PK_FAILED;
    }
}

template <class T, const auto& Schema>
struct factory_of {
    using settings = typename std::remove_cvref_t<decltype(Schema)>::settings;
    using made = instance<T>;
    static constexpr const pk_option_table* options =
        table_of<Schema>::count == 0 ? nullptr : &table_of<Schema>::table;

    static pk_status create(const pk_host* raw, const pk_node* nodes, void** out) noexcept {
        const host h(raw, options, nodes);
        return contained(h, [&] {
            settings conf{};
            if (nodes != nullptr) Schema.read(*nodes, conf);
            *out = std::make_unique<made>(h, conf).release();
            return PK_OK;
        });
    }

    static void destroy(void* raw) noexcept { delete &made::of(raw); }

    static constexpr auto validate() -> pk_status (*)(void*) {
        if constexpr (!requires(T & t) { t.validate(); })
            return nullptr;
        else
            return [](void* raw) noexcept {
                auto& i = made::of(raw);
                return contained(i.host, [&] { return step([&] { return i.plugin.validate(); }); });
            };
    }

    static constexpr auto start() -> pk_status (*)(void*) {
        if constexpr (!requires(T & t) { t.start(); })
            return nullptr;
        else
            return [](void* raw) noexcept {
                auto& i = made::of(raw);
                return contained(i.host, [&] { return step([&] { return i.plugin.start(); }); });
            };
    }

    static constexpr auto worker_init() -> pk_status (*)(void*, std::uint32_t) {
        if constexpr (!requires(T & t) { t.worker_init(0u); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t worker) noexcept {
                auto& i = made::of(raw);
                return contained(
                    i.host, [&] { return step([&] { return i.plugin.worker_init(worker); }); });
            };
    }

    static constexpr auto worker_exit() -> void (*)(void*, std::uint32_t) {
        if constexpr (!requires(T & t) { t.worker_exit(0u); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t worker) noexcept {
                auto& i = made::of(raw);
                contained(i.host, [&] { return i.plugin.worker_exit(worker), PK_OK; });
            };
    }

    static constexpr auto stop() -> void (*)(void*) {
        if constexpr (!requires(T & t) { t.stop(); })
            return nullptr;
        else
            return [](void* raw) noexcept {
                auto& i = made::of(raw);
                contained(i.host, [&] { return i.plugin.stop(), PK_OK; });
            };
    }

    // std::string_view export_state(uint32_t& version), of bytes that the instance keeps, and
    // bool import_state(uint32_t version, std::string_view bytes).
    static constexpr auto export_state() -> pk_status (*)(void*, std::uint32_t*, pk_str*) {
        if constexpr (!requires(T & t, std::uint32_t & v) { t.export_state(v); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t* version, pk_str* bytes) noexcept {
                auto& i = made::of(raw);
                return contained(i.host, [&] {
                    *bytes = str(i.plugin.export_state(*version));
                    return PK_OK;
                });
            };
    }

    static constexpr auto import_state() -> pk_status (*)(void*, std::uint32_t, pk_str) {
        if constexpr (!requires(T & t) { t.import_state(0u, std::string_view()); })
            return nullptr;
        else
            return [](void* raw, std::uint32_t version, pk_str bytes) noexcept {
                auto& i = made::of(raw);
                return contained(i.host, [&] {
                    return step([&] { return i.plugin.import_state(version, view(bytes)); });
                });
            };
    }

    static constexpr pk_factory table{
        sizeof(pk_factory), 0,      options, create,         validate(),    start(), worker_init(),
        worker_exit(),      stop(), destroy, export_state(), import_state()};
};

}  // namespace detail
}  // namespace pk

// pk::health_source<T, schema>: makes a plain class say which endpoints are up.
//
//     void elected(const pk::health_upstream&)         active, on one worker; false: no longer
//     void on_outcome(const pk::health_upstream&, const pk_attempt_facts&, uint32_t trial) const
//                                                                    passive, on every worker
// At least one of them.

#pragma once

#include <pkernel/abi/health.h>
#include <pkernel/detail/factory.hpp>

#include <chrono>

namespace pk {

// The upstream of a source; a view of the kernel's. [any] but where said otherwise.
class health_upstream {
public:
    constexpr health_upstream() noexcept = default;
    explicit constexpr health_upstream(const pk_health_upstream* raw) noexcept : raw_(raw) {}
    explicit operator bool() const noexcept { return raw_ != nullptr; }

    std::string_view name() const noexcept { return view(raw_->name); }
    std::uint32_t endpoint_count() const noexcept { return raw_->endpoints->count; }
    std::string_view address(std::uint32_t index) const noexcept {
        return view(endpoint(index).address);
    }
    // The config has it out: nobody asks it for anything.
    bool out(std::uint32_t index) const noexcept {
        return (endpoint(index).flags & (PK_ENDPOINT_OUT | PK_ENDPOINT_DRAINS)) == PK_ENDPOINT_OUT;
    }

    void up(std::uint32_t index, std::string_view reason) const noexcept {
        publish(index, PK_HEALTH_UP, {}, reason);
    }
    // `trial_after` zero: until something else is published.
    void down(std::uint32_t index, std::chrono::nanoseconds trial_after,
              std::string_view reason) const noexcept {
        publish(index, PK_HEALTH_DOWN, trial_after, reason);
    }
    struct counts {
        std::uint32_t all, up;
    };
    counts count() const noexcept {
        counts c{0, 0};
        raw_->count(raw_, &c.all, &c.up);
        return c;
    }
    // Four words, shared by all workers: relaxed atomics.
    std::uint64_t* words(std::uint32_t index) const noexcept { return raw_->words(raw_, index); }

private:
    const pk_endpoint& endpoint(std::uint32_t index) const noexcept {
        const auto* first = reinterpret_cast<const char*>(raw_->endpoints->first);
        const auto at = std::size_t{raw_->endpoints->stride} * index;
        return *reinterpret_cast<const pk_endpoint*>(first + at);
    }
    void publish(std::uint32_t index, std::uint32_t state, std::chrono::nanoseconds trial_after,
                 std::string_view reason) const noexcept {
        const pk_health_state what{sizeof what, state,
                                   static_cast<std::uint64_t>(trial_after.count()), str(reason)};
        raw_->publish(raw_, index, &what);
    }

    const pk_health_upstream* raw_ = nullptr;
};

template <class T, const auto& Schema = no_options>
struct health_source {
    static constexpr std::string_view id = PK_HEALTH_ID;
    using plugin = T;

    template <class F>
    static void contained(void* raw, F f) noexcept {
        detail::call_logged<T>(raw, "exception in a health hook", f);
    }

    static constexpr auto elected() -> decltype(pk_health::elected) {
        if constexpr (!requires(T & t, health_upstream u) { t.elected(u); })
            return nullptr;
        else
            return [](void* raw, const pk_health_upstream* u) noexcept {
                contained(raw, [u](T& t) { t.elected(health_upstream(u)); });
            };
    }

    static constexpr auto outcome() -> decltype(pk_health::outcome) {
        if constexpr (!requires(const T& t, health_upstream u, const pk_attempt_facts& f) {
                          t.on_outcome(u, f, 0u);
                      })
            return nullptr;
        else
            return [](void* raw, const pk_health_outcome* o) noexcept {
                contained(raw, [o](const T& t) {
                    t.on_outcome(health_upstream(o->upstream), *o->facts, o->trial);
                });
            };
    }

    static_assert(elected() != nullptr || outcome() != nullptr, "a health source without a hook");

    static constexpr pk_health table{sizeof(pk_health), 0, &detail::factory_of<T, Schema>::table,
                                     elected(), outcome()};
};

}  // namespace pk

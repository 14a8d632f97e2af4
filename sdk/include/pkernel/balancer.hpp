// pk::balancer<T, schema>: makes a plain class choose endpoints.
//
//     uint32_t pick(const pk::pick&) const       an index, or pk::no_endpoint
//     void on_result(const pk_endpoints&, uint32_t index, uint32_t cause, uint64_t ns) const
//     static constexpr bool uses_in_flight       the kernel counts requests in flight for it,
//     bool counts_in_flight() const              or the same as a question to the instance
//     static constexpr bool ties_clients         it may pick endpoints that are drained, too

#pragma once

#include <pkernel/abi/balancer.h>
#include <pkernel/detail/factory.hpp>

#include <cstddef>

namespace pk {

inline constexpr std::uint32_t no_endpoint = PK_NO_ENDPOINT;

// One choice to be made. [worker]
class pick {
public:
    explicit pick(const pk_pick* p) noexcept : p_(p) {}

    std::uint32_t endpoint_count() const noexcept { return p_->endpoints->count; }
    const pk_endpoint& endpoint(std::uint32_t index) const noexcept {
        const auto* first = reinterpret_cast<const char*>(p_->endpoints->first);
        return *reinterpret_cast<const pk_endpoint*>(first +
                                                     std::size_t{p_->endpoints->stride} * index);
    }
    std::uint64_t version() const noexcept { return p_->endpoints->version; }

    // Those that may be picked; none only where `draining` is not empty. `all` is the usual case:
    // then candidate(i) is i.
    bool all() const noexcept { return p_->candidates == nullptr; }
    std::uint32_t count() const noexcept {
        return all() ? p_->endpoints->count : p_->candidate_count;
    }
    std::uint32_t candidate(std::uint32_t i) const noexcept {
        return all() ? i : p_->candidates[i];
    }

    // Of a balancer that ties clients to endpoints: those that are drained, which it may pick for a
    // client that it tied to one before.
    std::uint32_t draining_count() const noexcept {
        constexpr auto end = offsetof(pk_pick, draining_count) + sizeof(std::uint32_t);
        return p_->size >= end ? p_->draining_count : 0;
    }
    std::uint32_t draining(std::uint32_t i) const noexcept { return p_->draining[i]; }

    // Two words of this worker and this balancer for endpoint `index`; zero at first.
    std::int64_t* words(std::uint32_t index) const noexcept {
        return p_->words + std::size_t{2} * index;
    }
    std::uint64_t random() const noexcept { return p_->random; }
    std::uint32_t worker() const noexcept { return p_->worker; }
    std::uint32_t attempt() const noexcept { return p_->attempt; }

    // Added to the response if the response of this very attempt is the one sent.
    [[nodiscard]] pk_status response_field(std::string_view name, std::string_view v) const {
        return p_->response_field(p_, str(name), str(v));
    }

    pk::request request() const noexcept { return stream(p_->stream).request(); }
    fields request_fields() const noexcept { return stream(p_->stream).request_fields(); }
    const pk_pick& raw() const noexcept { return *p_; }

private:
    const pk_pick* p_;
};

// A balancer inside of this one: value of an `inner_plugin` option. False: none was given.
class inner_balancer {
public:
    static constexpr std::string_view point = PK_BALANCER_ID;

    constexpr inner_balancer() noexcept = default;
    explicit inner_balancer(const void* handle) noexcept
        : raw_(static_cast<const pk_inner_balancer*>(handle)) {}
    explicit operator bool() const noexcept { return raw_ != nullptr; }

    // [worker] Inside of a pick only. Its choice, or no_endpoint.
    std::uint32_t pick(const pk::pick& p) const noexcept {
        return raw_ == nullptr ? no_endpoint : raw_->pick(raw_, &p.raw());
    }

private:
    const pk_inner_balancer* raw_ = nullptr;
};

template <class T, const auto& Schema = no_options>
struct balancer {
    static constexpr std::string_view id = PK_BALANCER_ID;
    using plugin = T;
    static constexpr bool wants_results = requires(const T& t, const pk_endpoints& e) {
        t.on_result(e, 0u, 0u, std::uint64_t{});
    };

    static std::uint32_t needs(void* raw) noexcept {
        std::uint32_t bits = wants_results ? +PK_BALANCER_RESULTS : 0u;
        if constexpr (requires { T::uses_in_flight; }) {
            if (T::uses_in_flight) bits |= PK_BALANCER_IN_FLIGHT;
        }
        if constexpr (requires(const T& t) { t.counts_in_flight(); }) {
            if (std::as_const(detail::instance<T>::of(raw).plugin).counts_in_flight())
                bits |= PK_BALANCER_IN_FLIGHT;
        }
        if constexpr (requires { T::ties_clients; }) {
            if (T::ties_clients) bits |= PK_BALANCER_TIES;
        }
        (void)raw;
        return bits;
    }

    static std::uint32_t choose(void* raw, const pk_pick* choice) noexcept {
        auto& i = detail::instance<T>::of(raw);
        std::uint32_t index = no_endpoint;
        const auto run = [&] {
            index = std::as_const(i.plugin).pick(pk::pick(choice));
            return PK_OK;
        };
        if constexpr (noexcept(std::as_const(i.plugin).pick(pk::pick(choice)))) {
            run();
        } else {
            try {
                run();
            } catch (...) {
                i.host.log(PK_LOG_ERROR, "exception in pick: no endpoint chosen");
            }
        }
        return index;
    }

    static constexpr auto result() -> decltype(pk_balancer::result) {
        if constexpr (!wants_results)
            return nullptr;
        else
            return [](void* raw, const pk_endpoints* all, std::uint32_t index, std::uint32_t cause,
                      std::uint64_t ns) noexcept {
                auto& i = detail::instance<T>::of(raw);
                try {
                    std::as_const(i.plugin).on_result(*all, index, cause, ns);
                } catch (...) {
                    i.host.log(PK_LOG_ERROR, "exception in on_result");
                }
            };
    }

    static constexpr pk_balancer table{
        sizeof(pk_balancer), 0, &detail::factory_of<T, Schema>::table, needs, choose, result()};
};

}  // namespace pk

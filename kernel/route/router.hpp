// Which route a request takes: the first one in the file whose match fits it.
//
// Immutable once built; any thread may ask. An answer takes neither memory nor a lock, and ten
// thousand routes cost about what ten do.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/siphash.hpp"
#include "kernel/config/diagnostic.hpp"
#include "kernel/config/model.hpp"
#include "kernel/http/fields.hpp"
#include "kernel/route/conditions.hpp"
#include "kernel/route/index.hpp"
#include "kernel/route/rules.hpp"
#include "pkernel/abi/request.h"

namespace pkernel::route {

class router {
public:
    static constexpr std::uint32_t none = route::none;  // Equal to stream::route_finder::none.

    // [control] Says to `out` what is wrong (a path that no request can have, a listener that is
    // not there, too much of something) and warns of routes that can never match. Answers a router
    // in any case: with errors it finds the other routes only. Keeps no pointer to its arguments.
    static router build(const std::vector<const config::route*>& routes,
                        const std::vector<std::string>& listener_names, config::diagnostics& out);

    // The index of the route, or `none`. Reads host, path_normal, method and query of the request;
    // `listener` is an index into listener_names.
    std::uint32_t find(const pk_request& request, const http::fields& fields,
                       std::uint32_t listener) const noexcept {
        search_cost unused;
        return find(request, fields, listener, unused);
    }
    // Adds what it looked at to `cost`.
    std::uint32_t find(const pk_request& request, const http::fields& fields,
                       std::uint32_t listener, search_cost& cost) const noexcept;

    std::size_t footprint_bytes() const noexcept;

private:
    friend class router_builder;

    // Methods that routes name, each with a bit of its own; bit 0 is for every other.
    struct method_bits {
        std::array<std::uint8_t, 16> by_id{};  // PK_METHOD_... to a bit; 0: not named.
        std::vector<std::string> others;       // Without an id.
        std::vector<std::uint8_t> other_bits;

        std::uint64_t of(std::uint32_t id, std::string_view method) const noexcept;
    };

    explicit router(const base::siphash_key& key) : conditions_(key), index_(key) {}

    method_bits methods_;
    conditions conditions_;
    rules rules_;
    index index_;
};

}  // namespace pkernel::route

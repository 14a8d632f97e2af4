// Routes that no request can reach, since an earlier one takes all that they match.

#include <algorithm>

#include "kernel/route/router_builder.hpp"

namespace pkernel::route {

namespace {

// Accepts the routes that take every request which a given one accepts at the same place.
class cover_asker {
public:
    cover_asker(const rules& about, const conditions& all, std::uint32_t route)
        : rules_(about), route_(route) {
        for (const auto c : about.required(route)) {
            holds_.add(c);
            if (const auto also = all.implied_by(c); also != none) holds_.add(also);
        }
    }

    bool accepts(std::uint32_t other) const {
        const auto is_absent = [&](std::uint32_t c) {
            return std::ranges::count(rules_.absent(route_), c) != 0;
        };
        return (rules_.methods(route_) & ~rules_.methods(other)) == 0 &&
               std::ranges::all_of(rules_.required(other),
                                   [&](std::uint32_t c) { return holds_.has(c); }) &&
               std::ranges::all_of(rules_.absent(other), is_absent);
    }

    const number_set& holds() const noexcept { return holds_; }

private:
    const rules& rules_;
    const std::uint32_t route_;
    number_set holds_;
};

const config::position& place_of(const config::route& route) {
    return route.match.at.line ? route.match.at : route.at;
}

}  // namespace

bool router_builder::leave_out_unreachable() {
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = 1; i < routes_.size(); ++i) {
        if (!prepared_[i].indexed) continue;
        const auto by = takers(i);
        if (by.empty()) continue;
        warn_unreachable(i, by);
        found.push_back(i);
    }
    for (const auto route : found) prepared_[route].indexed = false;
    return !found.empty();
}

// The routes that take all requests of `route`, one for each of its hosts and each once; or
// nothing, when one of the hosts is left to it.
std::vector<std::uint32_t> router_builder::takers(std::uint32_t route) const {
    std::vector<std::uint32_t> out;
    cover_asker asker(made_.rules_, made_.conditions_, route);
    for (const place& where : places_of(route)) {
        search_cost unused;
        const auto taker = made_.index_.first(where, asker, route, unused);
        if (taker == route) return {};
        if (std::ranges::count(out, taker) == 0) out.push_back(taker);
    }
    return out;
}

void router_builder::warn_unreachable(std::uint32_t route,
                                      const std::vector<std::uint32_t>& takers) {
    const auto& it = *routes_[route];
    std::string by;
    for (const auto taker : takers) {
        const auto& at = place_of(*routes_[taker]);
        by += (by.empty() ? "route '" : " or route '") + routes_[taker]->label + "' at ";
        by += std::string(at.file) + ':' + std::to_string(at.line);
    }
    out_.warning(config::code::unreachable_route, place_of(it),
                 "route '" + it.label +
                     "' can never match: every request that it matches is taken by " + by);
}

}  // namespace pkernel::route

#include "kernel/route/index.hpp"

#include <algorithm>
#include <utility>

namespace pkernel::route {

namespace {

// A node with up to so many routes is not divided.
constexpr std::size_t undivided_max = 4;
constexpr int depth_max = 16;

}  // namespace

std::uint32_t index::find_group(host_is kind, std::string_view host) const noexcept {
    return group_slots_.find(host_hash(kind, host), [&](std::uint32_t g) {
        return groups_[g].kind == kind && texts_.view(groups_[g].host) == host;
    });
}

std::uint32_t index::find_tree(std::uint64_t path_hash, std::uint32_t group, bool exact,
                               std::string_view path) const noexcept {
    return tree_slots_.find(tree_hash(path_hash, group, exact), [&](std::uint32_t t) {
        const path_tree& it = trees_[t];
        return it.group == group && it.exact == exact && texts_.view(it.path) == path;
    });
}

std::uint32_t index::find_child(std::uint32_t parent, std::uint32_t condition) const noexcept {
    return child_slots_.find(child_hash(parent, condition), [&](std::uint32_t n) {
        return nodes_[n].parent == parent && nodes_[n].condition == condition;
    });
}

std::uint32_t index::add_group(const place& of) {
    const bool any = of.host == host_is::any;
    const auto known = any ? any_ : find_group(of.host, of.host_text);
    if (known != none) return known;
    const auto number = static_cast<std::uint32_t>(groups_.size());
    groups_.push_back({texts_.add(of.host_text), of.host, none, {}, {}});
    if (any)
        any_ = number;
    else
        group_slots_.add(host_hash(of.host, of.host_text), number);
    const auto size = static_cast<std::uint32_t>(of.host_text.size());
    if (of.host == host_is::below && std::ranges::count(below_lengths_, size) == 0)
        below_lengths_.push_back(size);
    return number;
}

std::uint32_t index::add_tree(const place& of) {
    const auto number = add_group(of);
    base::siphash hash(key_);
    hash.add(of.path);
    const auto known = find_tree(hash.digest(), number, of.exact, of.path);
    if (known != none) return known;
    const auto added = static_cast<std::uint32_t>(trees_.size());
    trees_.push_back({texts_.add(of.path), number, of.exact, none});
    tree_slots_.add(tree_hash(hash.digest(), number, of.exact), added);
    host_trees& in = groups_[number];
    if (!of.exact && of.path.empty())
        in.everything = added;
    else
        (of.exact ? in.exacts : in.prefixes).add(of.path.size());
    return added;
}

void index::add(const place& of, std::uint32_t route) {
    const auto tree = add_tree(of);
    if (tree >= members_.size()) members_.resize(tree + 1);
    if (members_[tree].empty() || members_[tree].back() != route) members_[tree].push_back(route);
}

// Makes the nodes. A route goes below its node by a required condition that not all of the node's
// routes share, the rarest of them; so every step down leaves fewer.
struct index::grower {
    index& to;
    const rules& about;
    std::vector<std::uint32_t> counts;  // By condition; all zero between calls.

    std::uint32_t grow(std::span<const std::uint32_t> routes, std::uint32_t parent,
                       std::uint32_t condition, int depth) {
        const auto at = static_cast<std::uint32_t>(to.nodes_.size());
        to.nodes_.push_back({routes.front(), none, 0, 0, parent, condition});
        using chosen = std::pair<std::uint32_t, std::uint32_t>;  // Condition or none, route.
        std::vector<chosen> below;
        if (routes.size() > undivided_max && depth < depth_max) {
            count(routes, 1);
            for (const auto r : routes) below.emplace_back(rarest(r, routes.size()), r);
            count(routes, 0);
            std::ranges::stable_sort(below, {}, &chosen::first);
        } else {
            for (const auto r : routes) below.emplace_back(none, r);
        }
        std::vector<std::uint32_t> part;
        for (auto from = below.begin(); from != below.end();) {
            const auto by = from->first;
            part.clear();
            for (; from != below.end() && from->first == by; ++from) part.push_back(from->second);
            if (by == none)
                keep(at, part);
            else
                put_below(at, by, part, depth);
        }
        return at;
    }

    void count(std::span<const std::uint32_t> routes, std::uint32_t step) {
        for (const auto r : routes)
            for (const auto c : about.required(r)) counts[c] = step ? counts[c] + step : 0;
    }

    std::uint32_t rarest(std::uint32_t route, std::size_t all) const {
        std::uint32_t out = none;
        for (const auto c : about.required(route))
            if (counts[c] < all && (out == none || counts[c] < counts[out])) out = c;
        return out;
    }

    void keep(std::uint32_t at, const std::vector<std::uint32_t>& routes) {
        to.nodes_[at].entries = static_cast<std::uint32_t>(to.entries_.size());
        to.nodes_[at].count = static_cast<std::uint32_t>(routes.size());
        to.entries_.insert(to.entries_.end(), routes.begin(), routes.end());
    }

    void put_below(std::uint32_t at, std::uint32_t by, const std::vector<std::uint32_t>& routes,
                   int depth) {
        to.nodes_[at].first_below = std::min(to.nodes_[at].first_below, routes.front());
        const auto child = grow(routes, at, by, depth + 1);
        to.child_slots_.add(child_hash(at, by), child);
    }
};

void index::finish(const rules& about, std::uint32_t conditions) {
    grower to_nodes{*this, about, std::vector<std::uint32_t>(conditions)};
    for (std::size_t t = 0; t < trees_.size(); ++t)
        trees_[t].root = to_nodes.grow(members_[t], none, none, 0);
    members_ = {};
    nodes_.shrink_to_fit();
    entries_.shrink_to_fit();
    trees_.shrink_to_fit();
}

std::size_t index::footprint_bytes() const noexcept {
    return texts_.footprint_bytes() + groups_.capacity() * sizeof(host_trees) +
           trees_.capacity() * sizeof(path_tree) + nodes_.capacity() * sizeof(node) +
           (entries_.capacity() + below_lengths_.capacity()) * sizeof(std::uint32_t) +
           group_slots_.footprint_bytes() + tree_slots_.footprint_bytes() +
           child_slots_.footprint_bytes();
}

}  // namespace pkernel::route

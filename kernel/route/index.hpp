// Routes by host, then path, then conditions, such that few need a closer look.
//
// A host pattern is a group; in it each path that a route names has a tree. A node of a tree holds
// up to a few routes in file order; the others of it stand under the rarest condition that each
// requires, in child nodes. All nodes know their first route, so that the search leaves out what
// could not be earlier than what it has. Built once, then read by any thread.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernel/base/siphash.hpp"
#include "kernel/route/hash_slots.hpp"
#include "kernel/route/number_set.hpp"
#include "kernel/route/rules.hpp"

namespace pkernel::route {

enum class host_is : std::uint8_t { any, name, below };

// Which requests a route is for, or which are looked up.
struct place {
    host_is host = host_is::any;
    std::string_view host_text;  // Lower case; with `below`, every name below it.
    bool exact = false;          // This path only; else it and all below it.
    std::string_view path;       // Normal; a prefix has lost its last slash, so "" is all paths.
};

// What a search looked at.
struct search_cost {
    std::uint32_t probes = 0;      // Of hash tables.
    std::uint32_t candidates = 0;  // Routes looked at one by one.
};

class index {
public:
    explicit index(const base::siphash_key& key) : key_(key) {}

    // Routes come in file order, each once for each of its places; then finish() is called once.
    void add(const place& of, std::uint32_t route);
    void finish(const rules& about, std::uint32_t conditions);

    // The first route before `before` that is for all of `where` and that `asker` accepts, or
    // `before`. Asker has `bool accepts(route)` and `const number_set& holds()`: the conditions
    // that hold, asked for when one matters.
    template <class Asker>
    std::uint32_t first(const place& where, Asker& asker, std::uint32_t before,
                        search_cost& cost) const {
        search<Asker> s{*this, asker, before, cost};
        s.each_group(where);
        return s.best;
    }

    std::size_t footprint_bytes() const noexcept;

private:
    // Lengths of the paths of a group: most probes that would miss are left out.
    struct lengths {
        std::uint64_t modulo_64 = 0;
        std::uint32_t longest = 0;

        void add(std::size_t n) noexcept {
            modulo_64 |= std::uint64_t{1} << (n & 63);
            if (n > longest) longest = static_cast<std::uint32_t>(n);
        }
        bool may_have(std::size_t n) const noexcept {
            return n <= longest && (modulo_64 >> (n & 63) & 1);
        }
    };

    struct host_trees {
        text_pool::text host;
        host_is kind = host_is::any;
        std::uint32_t everything = none;  // The tree of "".
        lengths prefixes, exacts;
    };

    struct path_tree {
        text_pool::text path;
        std::uint32_t group = 0;
        bool exact = false;
        std::uint32_t root = none;
    };

    struct node {
        std::uint32_t first_route = none;  // Of those here and in all nodes below.
        std::uint32_t first_below = none;  // Of those below.
        std::uint32_t entries = 0, count = 0;
        std::uint32_t parent = none, condition = none;
    };

    struct grower;  // index.cpp

    template <class Asker>
    struct search {
        const index& in;
        Asker& asker;
        std::uint32_t best;
        search_cost& cost;

        void each_group(const place& where);
        void host_group(host_is kind, std::string_view host, const place& where);
        void each_tree(const host_trees& g, const place& where);
        void visit(std::uint32_t at);
    };

    std::uint32_t find_group(host_is kind, std::string_view host) const noexcept;
    std::uint32_t find_tree(std::uint64_t path_hash, std::uint32_t group, bool exact,
                            std::string_view path) const noexcept;
    std::uint32_t find_child(std::uint32_t parent, std::uint32_t condition) const noexcept;
    std::uint32_t add_group(const place& of);
    std::uint32_t add_tree(const place& of);

    std::uint64_t host_hash(host_is kind, std::string_view host) const noexcept {
        base::siphash hash(key_);
        hash.add(kind == host_is::below ? '.' : '-');
        hash.add(host);
        return hash.digest();
    }
    static std::uint64_t tree_hash(std::uint64_t path_hash, std::uint32_t group,
                                   bool exact) noexcept {
        return path_hash ^ mix(std::uint64_t{group} * 2 + exact + 1);
    }
    static std::uint64_t child_hash(std::uint32_t parent, std::uint32_t condition) noexcept {
        return mix(std::uint64_t{parent} << 32 | condition);
    }

    base::siphash_key key_;
    text_pool texts_;
    std::uint32_t any_ = none;  // The group of routes without a host.
    std::vector<host_trees> groups_;
    std::vector<std::uint32_t> below_lengths_;  // Of the texts of `below` groups, each once.
    std::vector<path_tree> trees_;
    std::vector<node> nodes_;
    std::vector<std::uint32_t> entries_;
    hash_slots group_slots_, tree_slots_, child_slots_;
    std::vector<std::vector<std::uint32_t>> members_;  // Of each tree, until finish().
};

template <class Asker>
void index::search<Asker>::each_group(const place& where) {
    const auto host = where.host_text;
    if (where.host == host_is::name) host_group(host_is::name, host, where);
    if (where.host == host_is::below) host_group(host_is::below, host, where);
    if (where.host != host_is::any)
        for (const auto length : in.below_lengths_) {
            if (length + 2 > host.size() || host[host.size() - length - 1] != '.') continue;
            host_group(host_is::below, host.substr(host.size() - length), where);
        }
    if (in.any_ != none) each_tree(in.groups_[in.any_], where);
}

template <class Asker>
void index::search<Asker>::host_group(host_is kind, std::string_view host, const place& where) {
    ++cost.probes;
    const auto found = in.find_group(kind, host);
    if (found != none) each_tree(in.groups_[found], where);
}

template <class Asker>
void index::search<Asker>::each_tree(const host_trees& g, const place& where) {
    const auto number = static_cast<std::uint32_t>(&g - in.groups_.data());
    if (g.everything != none) visit(in.trees_[g.everything].root);
    base::siphash hash(in.key_);
    std::size_t hashed = 0;
    const auto probe = [&](std::size_t size, bool exact) {
        hash.add(where.path.substr(hashed, size - hashed));
        hashed = size;
        ++cost.probes;
        const auto path = where.path.substr(0, size);
        const auto found = in.find_tree(hash.digest(), number, exact, path);
        if (found != none) visit(in.trees_[found].root);
    };
    for (std::size_t end = 0; end < where.path.size() && end < g.prefixes.longest;) {
        end = where.path.find('/', end + 1);
        if (end == std::string_view::npos) end = where.path.size();
        if (g.prefixes.may_have(end)) probe(end, false);
    }
    if (where.exact && g.exacts.may_have(where.path.size())) probe(where.path.size(), true);
}

template <class Asker>
void index::search<Asker>::visit(std::uint32_t at) {
    const node& n = in.nodes_[at];
    if (n.first_route >= best) return;
    for (const auto route : std::span(in.entries_).subspan(n.entries, n.count)) {
        if (route >= best) break;
        ++cost.candidates;
        if (!asker.accepts(route)) continue;
        best = route;
        break;
    }
    if (n.first_below >= best) return;
    asker.holds().for_each([&](std::uint32_t condition) {
        ++cost.probes;
        const auto child = in.find_child(at, condition);
        if (child != none) visit(child);
    });
}

}  // namespace pkernel::route

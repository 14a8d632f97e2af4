// One use of a plugin in the config: the options as the plugin will get them, and what makes two
// uses the same.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/config/position.hpp"
#include "kernel/config/sources.hpp"
#include "kernel/config/value.hpp"
#include "pkernel/abi/options.h"

namespace pkernel::config {

// A hash for looking up; equality is decided on the canonical bytes.
struct digest {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    bool operator==(const digest&) const = default;
    std::string hex() const;
};

digest digest_of(std::string_view bytes);

// Owns everything that its nodes point at, so an instance that outlives its generation keeps its
// use and nothing else of the old config. Inner uses belong to their outer one.
struct plugin_use {
    std::string name;       // "rate_limit"
    std::string point;      // "pk.http_filter/1"
    bool built_in = false;  // Nothing to load: the kernel itself answers to this name.
    bool sound = true;      // Its options, and those of plugins in them, could all be read.
    position at;            // The name in the config.

    // Whose instance: "listener web", "upstream app", "route api", "defaults", "top"; an unnamed
    // route is known by its canonical match. Inner uses: the owner of the outer one + its name.
    std::string owner;
    std::uint32_t ordinal = 0;  // Among uses of equal point, owner and name.

    const pk_node* options = nullptr;  // PK_OPT_TABLE, children in the table's order.

    // Content: name, point, options with their defaults, expanded values, bytes of files. Holds
    // secrets; never shown.
    std::string canonical;
    digest identity;

    // In the order in which they stand. `node` is the PK_OPT_PLUGIN node whose handle the plugin
    // layer sets to the inner instance before the outer one is created.
    struct inner_use {
        std::unique_ptr<plugin_use> use;
        pk_node* node;
    };
    std::vector<inner_use> inner;

    std::shared_ptr<value_arena> memory;
    std::shared_ptr<const file_names> files;
};

// Same content in the same place: the running instance can stay.
bool same_instance(const plugin_use& a, const plugin_use& b);

}  // namespace pkernel::config

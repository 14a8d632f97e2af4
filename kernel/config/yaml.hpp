// YAML bytes to nodes. Pure: no file is opened here.
//
// A strict part of YAML 1.2: one document, text keys, no anchors, aliases, tags or directives.

#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/node.hpp"

namespace pkernel::config {

struct yaml_limits {
    std::size_t bytes_max = 4 << 20;
    std::size_t depth_max = 32;
    std::size_t nodes_max = 500'000;
};

// Adds `bytes` to the sources of `out` under the name `file`. What is wrong goes to `out`, and then
// there is no tree. An empty file is an empty map.
std::optional<node> parse_yaml(std::string_view bytes, std::string_view file, diagnostics& out,
                               const yaml_limits& limits = {});

// The same for a default that stands in a table, without a report. Positions in it are void.
std::optional<node> parse_yaml_value(std::string_view text);

}  // namespace pkernel::config

// Checked values: the typed tree that plugins see as pk_node, and the kernel reads its own sections
// from.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>

#include "kernel/config/position.hpp"
#include "pkernel/abi/options.h"

namespace pkernel::config {

struct plugin_use;

// A node with what only the kernel wants to know. Arrays of nodes that plugins walk by their stride
// are arrays of these.
struct value : pk_node {
    std::uint32_t length = 0;           // Of its token.
    std::uint32_t inner = 0;            // PK_OPT_PLUGIN: which of the use's inner ones, or
    plugin_use* use = nullptr;          // the use itself, in the kernel's sections.
    const pk_option* option = nullptr;  // What it is a value of.
};

// Memory of one tree of values, freed as a whole.
class value_arena {
public:
    value* make(std::size_t count);
    std::string_view keep(std::string_view bytes);
    pk_str keep_str(std::string_view bytes);

private:
    std::pmr::monotonic_buffer_resource memory_{1024};
};

inline std::string_view view(pk_str s) {
    return {s.data, static_cast<std::size_t>(s.size)};
}

inline pk_str str(std::string_view s) { return {s.data(), s.size()}; }

position position_of(const value& v);

// The position that a node names, for host->error: the node may be any that the plugin holds.
position position_of(const pk_node& n);

// The child of a table by the name of its option. An absent table has only absent children.
const value& child(const value& table, std::string_view name);
const value& element(const value& list, std::size_t index);

inline bool given(const pk_node& n) { return (n.flags & PK_NODE_GIVEN) != 0; }
inline bool present(const pk_node& n) { return n.type != PK_OPT_NONE; }

}  // namespace pkernel::config

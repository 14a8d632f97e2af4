// Checked values: the typed tree that plugins see as pk_node, and the kernel reads its own sections
// from.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

#include "kernel/config/position.hpp"
#include "pkernel/abi/options.h"

namespace pkernel::config {

// A node with what only the kernel wants to know. Arrays of nodes that plugins walk by their stride
// are arrays of these.
struct value : pk_node {
    static constexpr std::uint32_t no_use = UINT32_MAX;

    std::uint32_t length = 0;  // Of its token.
    std::uint32_t use =
        no_use;  // PK_OPT_PLUGIN: which use of those around it; no_use if it failed.
    const pk_option* option = nullptr;  // What it is a value of; the loader's own use.
    std::string_view raw{};             // What stood there, if that is not what `text` says.
    bool flawed = false;                // A table with an option that could not be read.
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

// What a message may say of a text value, in quotes: never the value of a ${…}.
std::string shown(const value& v);

inline pk_str str(std::string_view s) {
    return {s.data(), s.size()};
}

position position_of(const value& v);

// The position that a node names, for host->error: the node may be any that the plugin holds.
position position_of(const pk_node& n);

// The child of a table by the name of its option. An absent table has only absent children.
const value& child(const value& table, std::string_view name);
const value& element(const value& list, std::size_t index);

inline bool given(const pk_node& n) {
    return (n.flags & PK_NODE_GIVEN) != 0;
}
inline bool present(const pk_node& n) {
    return n.type != PK_OPT_NONE;
}

}  // namespace pkernel::config

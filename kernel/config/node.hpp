// A config file as a tree, before anything in it has a meaning.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/position.hpp"

namespace pkernel::config {

enum class node_kind { scalar, list, map };

struct entry;

// Not changed once its file has been expanded and merged. As deep as yaml_limits allow.
struct node {
    node_kind kind = node_kind::scalar;
    position at;                 // Of a list or map: where its first entry or bracket stands.
    std::uint32_t end_line = 0;  // One past its end.
    std::uint32_t end_column = 0;

    bool quoted = false;         // Or a block scalar: never null.
    std::string text{};          // A scalar's value, ${…} replaced.
    std::string raw{};           // What stood there, when something was replaced.
    std::vector<node> items;     // A list's.
    std::vector<entry> entries;  // A map's, in the order of the file; keys are unique.

    // `key:` with nothing after it, `~` or `null`.
    bool is_null() const {
        return kind == node_kind::scalar && !quoted &&
               (text.empty() || text == "~" || text == "null");
    }

    // What error messages may show of a scalar: never the value of a ${…}.
    std::string_view shown() const { return raw.empty() ? text : raw; }

    // The value under `key`, or null.
    const node* find(std::string_view key) const;
};

struct entry {
    node key;  // A scalar.
    node value;
};

inline const node* node::find(std::string_view key) const {
    for (const entry& e : entries) {
        if (e.key.text == key) return &e.value;
    }
    return nullptr;
}

// "a list", "a map", "a text".
std::string_view kind_name(const node& n);

}  // namespace pkernel::config

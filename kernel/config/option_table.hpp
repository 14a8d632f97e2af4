// Walking the option tables of plugins, which may be of another SDK version than ours, and judging
// them before anything relies on them.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkernel/abi/options.h"

namespace pkernel::config {

constexpr std::size_t table_depth_max = 16;

// Requires index < table.count.
const pk_option& option_at(const pk_option_table& table, std::uint32_t index);

const pk_option* find_option(const pk_option_table& table, std::string_view name);
const pk_option* main_option(const pk_option_table& table);
std::vector<std::string_view> option_names(const pk_option_table& table);
std::vector<std::string_view> choices_of(const pk_option& enumeration);

inline bool has(const pk_option& o, std::uint32_t flag) {
    return (o.flags & flag) != 0;
}

// Whether a bare scalar can be written for it.
bool is_scalar(std::uint32_t type);

// "size", "list of addresses", "on | off"; for error texts and pages.
std::string type_name(const pk_option& o, bool plural = false);

// What is wrong with a table, as a sentence, or nothing. Run on a plugin's table before it is used.
std::string table_problem(const pk_option_table& table);

}  // namespace pkernel::config

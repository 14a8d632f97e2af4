// What option tables say, as text to read: on a terminal or as Markdown.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkernel/abi/options.h"

namespace pkernel::config {

enum class page { terminal, markdown };

// The options of `table`, nested tables as "timeouts.head". A null table: "takes no options".
std::string describe(const pk_option_table* table, page form);

// A section of the kernel's own config: "config", "listener", "upstream", "route", "defaults".
// Nullopt when there is no such section.
std::optional<std::string> describe_section(std::string_view name, page form);
std::vector<std::string_view> section_names();

}  // namespace pkernel::config

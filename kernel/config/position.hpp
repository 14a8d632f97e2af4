// A place in a config file, as errors name it.

#pragma once

#include <cstdint>
#include <string_view>

namespace pkernel::config {

// Lines and columns count from 1, columns in characters. A line of 0 means the file as a whole; an
// empty file name, no place at all. `file` lives as long as the `file_names` of its load, which
// diagnostics, model and plugin_use keep alive.
struct position {
    std::string_view file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 0;  // Of the token, in characters; 0: not known.

    bool operator==(const position&) const = default;
};

}  // namespace pkernel::config

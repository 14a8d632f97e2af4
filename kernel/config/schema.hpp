// The JSON Schema (draft 2020-12) of a whole config, for editors.

#pragma once

#include <span>
#include <string>

#include "pkernel/abi/options.h"

namespace pkernel::config {

struct plugin_entry {
    std::string name;
    std::string point;  // One entry for each extension point that the plugin serves.
    std::string summary;
    const pk_option_table* options = nullptr;
};

std::string json_schema(std::span<const plugin_entry> plugins);

}  // namespace pkernel::config

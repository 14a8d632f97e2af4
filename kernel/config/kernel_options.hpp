// The kernel's own part of the config, declared with the same tables as a plugin's options.

#pragma once

#include <string_view>

#include "pkernel/abi/options.h"

namespace pkernel::config {

const pk_option_table& kernel_options();

// The name that an extension point answers to without a plugin; empty when there is none.
std::string_view built_in_name(std::string_view point);

}  // namespace pkernel::config

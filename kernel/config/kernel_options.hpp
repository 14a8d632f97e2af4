// The kernel's own part of the config, declared with the same tables as a plugin's options.

#pragma once

#include "pkernel/abi/options.h"

namespace pkernel::config {

const pk_option_table& kernel_options();

// Names that an extension point answers to without a plugin.
bool is_built_in(pk_str name, pk_str point);

}  // namespace pkernel::config

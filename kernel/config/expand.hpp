// ${env:NAME}, ${env:NAME:-default} and ${file:path} inside scalars; $${ is a plain ${.

#pragma once

#include <string_view>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/environment.hpp"
#include "kernel/config/node.hpp"

namespace pkernel::config {

constexpr std::size_t expanded_file_max = 1 << 20;

// Replaces in every scalar under `tree`, keys excepted. Paths are relative to the file in which
// they stand; one newline at the end of a file is dropped. What cannot be replaced is an error and
// stays.
void expand(node& tree, environment& outside, std::string_view cwd, diagnostics& out);

}  // namespace pkernel::config

// The first file and all that it includes, as one tree.

#pragma once

#include <optional>
#include <string>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/environment.hpp"
#include "kernel/config/node.hpp"

namespace pkernel::config {

constexpr std::size_t include_depth_max = 8;
constexpr std::size_t include_files_max = 256;

// Reads, parses and expands `file`. A top-level `include: file` or list of files stands for the
// keys of those files: lists are joined and maps united in the order in which they stand; a key of
// both that is neither is an error. Names are relative to the including file. Nullopt after an
// error of a file as such; expansions that fail leave a tree.
std::optional<node> read_tree(const std::string& file, environment& outside, diagnostics& out);

}  // namespace pkernel::config

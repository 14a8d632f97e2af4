// Whether a shared library can be mapped as its program headers say, so that the dynamic linker,
// which trusts them, cannot be made to crash by a damaged file.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pkernel::plugin {

// Why not, as "is damaged: ..."; empty: it can. Requires that read_note found the file's header,
// tables and segments to lie within the file. Pure.
std::optional<std::string> check_segments(std::string_view file);

}  // namespace pkernel::plugin

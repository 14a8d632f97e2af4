// Reads the note of a plugin out of its file's bytes, before any code of it can run.
//
// Pure and bounded: bytes in, a copy of the note or one reason out. No input makes it read outside
// the bytes, and the time it takes is linear in their number. A file that passes can be mapped
// whole: what its headers speak of lies inside it, so a truncated one is told here and not by a
// SIGBUS.

#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkernel/abi/base.h"
#include "pkernel/abi/note.h"

namespace pkernel::plugin {

// What a note is held against.
struct host_abi {
    std::uint32_t major = PKERNEL_ABI_MAJOR;
    std::uint32_t minor = PKERNEL_ABI_MINOR;
    std::string build_id;             // Of the SDK that this kernel was built with.
    std::vector<std::string> offers;  // Ids of its services and extension points. One that ends in
                                      // "-draft" serves only plugins of this very build.
};

// The note in `file`, well formed: its strings end, its name is a plugin's name. Otherwise a reason
// that continues a sentence begun with the file's path, such as "is empty".
boost::system::result<pk_note, std::string> read_note(std::string_view file);

// Why a plugin with this note cannot be used as `name` by this host, in the same form; nothing if
// it can. Requires a note that read_note returned.
std::optional<std::string> check_note(const pk_note& note, std::string_view name,
                                      const host_abi& host);

// Whether `name` may name a plugin: [a-z][a-z0-9_]*, at most 47 characters.
bool is_plugin_name(std::string_view name) noexcept;

}  // namespace pkernel::plugin

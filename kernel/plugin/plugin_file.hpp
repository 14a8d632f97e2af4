// One plugin as it stands in memory: a mapped file and the constant struct that its entry returned.

#pragma once

#include <boost/dll/shared_library.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/plugin/copy_store.hpp"
#include "kernel/plugin/refusal.hpp"
#include "pkernel/abi/note.h"
#include "pkernel/abi/plugin.h"

namespace pkernel::plugin {

// A table of the ABI in full size: what the maker's version did not have yet is zero. Requires
// `table` to begin with its size, as tables do.
template <class T>
T full_table(const void* table) noexcept {
    std::uint32_t size;
    std::memcpy(&size, table, sizeof size);
    T full{};
    std::memcpy(static_cast<void*>(&full), table, size < sizeof full ? size : sizeof full);
    return full;
}

// What a plugin has for one extension point; valid as long as the file.
struct offer {
    const void* table;  // As its point's header describes it; read it with full_table.
    pk_factory factory;
};

// Shared by all that was made by it, and mapped until the last of them lets go. Immutable.
class plugin_file {
public:
    // Maps the copy at `copy_path` of `path`, whose note was found good, and checks what it
    // exports. Code of the plugin runs here for the first time: constructors of statics, then the
    // entry.
    static outcome<std::shared_ptr<const plugin_file>> open(const std::string& path,
                                                            const std::string& hash,
                                                            const pk_note& note,
                                                            const std::string& copy_path,
                                                            std::shared_ptr<copy_store> store);

    const std::string& path() const noexcept { return path_; }  // Where it was found.
    const std::string& hash() const noexcept { return hash_; }  // Of its bytes.
    std::string_view name() const noexcept { return name_; }
    std::string_view version() const noexcept { return version_; }
    const pk_plugin& face() const noexcept { return face_; }
    const pk_note& note() const noexcept { return note_; }
    bool serves(std::string_view point) const;

    // Refused when it does not serve that extension point, or with a table that makes no sense.
    outcome<offer> at(std::string_view point) const;

private:
    plugin_file() = default;
    outcome<pk_plugin> ask_entry() const;
    std::optional<std::string> check_face(const pk_plugin& face) const;

    std::string path_, hash_, name_, version_;
    pk_note note_{};
    std::shared_ptr<copy_store> store_;  // Before library_: the copy outlives the mapping.
    boost::dll::shared_library library_;
    pk_plugin face_{};
};

}  // namespace pkernel::plugin

// The directory that plugins are taken from, and whether it can be trusted.
//
// What is loaded runs with all rights of the process, so nobody but its user and root may be able
// to put a file there: the directory and the file must belong to one of the two and must not be
// writable by others, and a symbolic link must name a file of the same directory. One look at an
// open file decides about the very bytes that are read from it.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/plugin/refusal.hpp"

namespace pkernel::plugin {

class plugin_dir {
public:
    static constexpr std::size_t file_bytes_max = std::size_t{256} << 20;
    static constexpr std::size_t names_max = 4096;  // Further files are not listed.

    enum class trust {
        checked,  // As above.
        any       // --allow-insecure-plugins-dir: nothing is checked, links are followed.
    };

    // A relative `path` is taken from the working directory of now.
    plugin_dir(std::string_view path, trust t);

    const std::string& path() const noexcept { return path_; }
    std::string path_of(std::string_view name) const;

    // The bytes of NAME.so as they stood at one moment.
    // Requires is_plugin_name(name).
    outcome<std::string> read(std::string_view name) const;

    // Names of the *.so files, sorted; those with a name that no plugin can have are left out.
    // Empty when the directory cannot be read.
    std::vector<std::string> names() const;

private:
    outcome<base::unique_fd> open_directory(std::string_view name) const;
    outcome<base::unique_fd> open_file(const base::unique_fd& dir, std::string_view name) const;
    outcome<std::string> linked_name(const base::unique_fd& dir, const std::string& file) const;
    refusal missing(std::string_view name) const;

    std::string path_;
    trust trust_;
};

}  // namespace pkernel::plugin

// How the config layer asks for the option table of a plugin, without knowing what a plugin is.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/codes.hpp"
#include "kernel/config/diagnostic.hpp"
#include "pkernel/abi/options.h"

namespace pkernel::config {

// Either `found`, with the table (null: the plugin takes no options) and version, or a problem.
// The table must live as long as the config that was read with it.
struct lookup_result {
    bool found = false;
    const pk_option_table* options = nullptr;
    std::string version;

    code number = code::plugin_missing;
    exit_class exit = exit_class::plugin;
    std::string problem;  // "'gzip' needs plugins/gzip.so, which is not in …"
    std::string hint;     // "did you mean 'zip'?"
    std::vector<std::string> notes;
    std::vector<std::string> points;  // Of a plugin that is not for this one: those it is for.
};

// Implemented by the plugin layer, which loads the file when it is first asked for.
struct plugin_catalog {
    virtual ~plugin_catalog() = default;

    // `name` is [a-z][a-z0-9_]*, at most 64 bytes; `point` an id such as "pk.handler/1".
    // Asked once for each pair and load; called while a file is read, on the control thread.
    virtual lookup_result find(std::string_view name, std::string_view point) = 0;

    // For errors that say what to write; may be empty. Names that could be written at `point`:
    virtual std::vector<std::string> offered(std::string_view) { return {}; }
    // The extension points of the installed plugin `name`, which the config does not name:
    virtual std::vector<std::string> points_of(std::string_view) { return {}; }
};

}  // namespace pkernel::config

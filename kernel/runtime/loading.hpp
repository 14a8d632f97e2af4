// What every command that reads a config stands on: which file, which plugins, how it is read.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/environment.hpp"
#include "kernel/config/load.hpp"
#include "kernel/plugin/catalog.hpp"
#include "kernel/plugin/loader.hpp"
#include "kernel/runtime/command_line.hpp"
#include "kernel/runtime/privileged_files.hpp"

namespace pkernel::runtime {

// --config; else the first that exists of conf/pkernel.yaml and /etc/pkernel/pkernel.yaml; else the
// first of the two, so that its absence is the error.
std::string config_file(const command_line& line);

// --plugins-dir; else `plugins` beside the program; else ../lib/pkernel/plugins from there.
std::string plugins_dir(const command_line& line);

// Ids of the extension points that this kernel has, and all that it offers to plugins.
const std::vector<std::string>& extension_points();
plugin::host_abi kernel_abi();

// One reading of the config, and what it was read with. [control]
struct reading {
    explicit reading(const command_line& line, passed_files given = {});

    // Fills `conf`, or `problems` only.
    void load();
    int exit_code() const noexcept { return static_cast<int>(problems.exit()); }

    const bool named;  // Somebody said which file.
    const std::string file;
    engine_environment outside;
    config::diagnostics problems;
    plugin::loader files;
    plugin::catalog plugins;
    std::shared_ptr<const config::model> conf;
};

}  // namespace pkernel::runtime

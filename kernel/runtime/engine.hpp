// What an engine is given to run with, by the process that it runs in.

#pragma once

#include <functional>
#include <memory>

#include "kernel/base/crash_board.hpp"
#include "kernel/base/log.hpp"
#include "kernel/config/diagnostic.hpp"
#include "kernel/config/model.hpp"
#include "kernel/plugin/catalog.hpp"
#include "kernel/runtime/control.hpp"
#include "kernel/runtime/listener_source.hpp"

namespace pkernel::runtime {

// The config as it is on the disk now, and what it was read with.
struct next_config {
    explicit next_config(plugin::loader& files) : plugins(files) {}
    config::diagnostics problems;
    plugin::catalog plugins;
    std::shared_ptr<const config::model> conf;  // Null: `problems` tell why.
};

// All references outlive engine_main. Its thread is the control thread, the only one so far but for
// the log's.
struct engine_setup {
    std::shared_ptr<const config::model> conf;
    config::diagnostics& problems;  // What conf's loading warned of; already shown.
    plugin::loader& files;
    plugin::catalog& plugins;  // Which conf was read with.

    listener_source& listeners;
    control_source& control;
    base::crash_board& board;  // Line 0: this thread, 1 + n: worker n.

    unsigned workers = 1;               // Fixed; conf->workers and the command line are in it.
    std::uint64_t connections_max = 0;  // That the descriptors allow, of all workers together.
    std::uint64_t memory_max = 0;       // Bytes, of the process.
    base::log_level log_level{};        // Already in force for base::log.
    // For a reload. What it says of settings that only a new start changes, it logs.
    std::function<std::unique_ptr<next_config>()> read_again;
};

// Makes the instances, opens the listeners, starts the workers, says `ready`, serves until told to
// end. Gives the exit code: 0 after a drain or stop; before ready, that of its diagnostics, which
// it has shown (report.hpp).
int engine_main(engine_setup& setup);

// For `validate`: builds all that engine_main would build before it listens (router, instances up
// to their validate), says to `out` what is wrong, and lets go of it.
void engine_check(const std::shared_ptr<const config::model>& conf, plugin::catalog& plugins,
                  config::diagnostics& out);

// For a config that was refused: what its plugins say of those options that could be read.
void engine_check_refused(const std::shared_ptr<const config::model>& refused,
                          plugin::catalog& plugins, config::diagnostics& out);

}  // namespace pkernel::runtime

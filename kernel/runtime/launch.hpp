// The command `run`: processes, rights and limits, up to the door of the engine.

#pragma once

#include "kernel/runtime/command_line.hpp"

namespace pkernel::runtime {

// Serves until told to end. Gives the exit code.
int run_proxy(const command_line& line);

}  // namespace pkernel::runtime

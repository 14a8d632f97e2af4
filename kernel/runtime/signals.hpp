// The signals that master and single process live by, read from a descriptor.

#pragma once

#include <string>

#include "kernel/base/unique_fd.hpp"

namespace pkernel::runtime {

// Blocks TERM, INT, QUIT, HUP, USR1, USR2 and CHLD for this thread and those it makes from now on,
// ignores PIPE, and gives the non-blocking signalfd that they are read from. USR2 is for an upgrade
// to come: until then it does nothing. Throws std::system_error.
base::unique_fd watch_signals();

// Number of the next signal that came, or 0.
int next_signal(int signal_fd) noexcept;

// TERM, INT or QUIT.
bool is_end(int number) noexcept;

// "SIGSEGV", or "signal 40".
std::string signal_name(int number);

// For a forked engine: undoes watch_signals, but ignores what comes to the whole group of processes
// or service (^C, a closed terminal, a service manager's TERM) and is the master's to pass on.
void leave_signals_to_master() noexcept;

}  // namespace pkernel::runtime

// The last words of an engine that crashes: which thread it was, for the master to read.
//
// The signal's own action follows (death, a core file), with the stack as it was.

#pragma once

#include <cstdint>
#include <memory>

#include "kernel/base/crash_board.hpp"

namespace pkernel::runtime {

// [control] For SEGV, BUS, ILL, FPE, ABRT and TRAP; prints a backtrace to stderr as well. `board`
// must live as long as the process. Does nothing under a sanitizer, which has its own.
void catch_crashes(base::crash_board& board);

// Made by each thread that runs plugins, for as long as it does: its line of the board (0: control,
// 1 + n: worker n) and a stack of its own for the handler, so that a stack overflow is caught too.
class crash_stack {
public:
    explicit crash_stack(std::uint32_t line);
    ~crash_stack();
    crash_stack(const crash_stack&) = delete;
    crash_stack& operator=(const crash_stack&) = delete;

private:
    static constexpr std::size_t bytes = 64 * 1024;

    const std::unique_ptr<char[]> memory_;
};

}  // namespace pkernel::runtime

#include "kernel/runtime/crash_signals.hpp"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

namespace pkernel::runtime {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
constexpr int frames_max = 48;
constexpr unsigned handler_time_max_s = 1;

base::crash_board* board_of_process = nullptr;
thread_local std::uint32_t line_of_thread = 0;

void on_crash(int number, siginfo_t* info, void*) {
    // Should what follows hang in a lock that the crash left behind, this ends it.
    ::alarm(handler_time_max_s);
    board_of_process->line_of(line_of_thread).signal = static_cast<std::uint32_t>(number);
    void* frames[frames_max];
    ::backtrace_symbols_fd(frames, ::backtrace(frames, frames_max), STDERR_FILENO);
    // The handler is gone by SA_RESETHAND: a fault happens again on return and is final. What
    // somebody sent must be sent again.
    if (info->si_code <= 0) ::raise(number);
}

}  // namespace

void catch_crashes(base::crash_board& board) {
    if (sanitized) return;
    board_of_process = &board;
    void* frame;
    ::backtrace(&frame, 1);  // Loads what it needs now: the handler must not.
    struct sigaction action {};
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND;
    ::sigemptyset(&action.sa_mask);
    for (const int each : caught) ::sigaction(each, &action, nullptr);
}

crash_stack::crash_stack(std::uint32_t line) : memory_(sanitized ? nullptr : new char[bytes]) {
    line_of_thread = line;
    if (sanitized) return;
    stack_t stack{};
    stack.ss_sp = memory_.get();
    stack.ss_size = bytes;
    ::sigaltstack(&stack, nullptr);
}

crash_stack::~crash_stack() {
    if (sanitized) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
}

}  // namespace pkernel::runtime

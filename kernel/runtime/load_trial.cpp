#include "kernel/runtime/load_trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "kernel/base/unique_fd.hpp"
#include "kernel/config/diagnostic.hpp"
#include "kernel/runtime/signals.hpp"

namespace pkernel::runtime {
namespace {

using clock = std::chrono::steady_clock;

constexpr int refused_code = static_cast<int>(config::exit_class::plugin);

// In the forked child of a process with threads: nothing here takes a lock or memory.
[[noreturn]] void become_trial(const char* program, char* const* words, int out, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    sigset_t none;
    ::sigemptyset(&none);
    for (const int each : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGXFSZ})
        ::signal(each, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::execv(program, words);
    ::_exit(127);
}

// Reads to the end of what is said. False: not within the time.
bool wait_for_end(int from, bool& said) {
    const auto end = clock::now() + std::chrono::milliseconds(load_trial_max_ms);
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
        if (left.count() <= 0) return false;
        pollfd ready{from, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(left.count())) <= 0) continue;
        char some[4096];
        const ssize_t n = ::read(from, some, sizeof some);
        if (n > 0) said = true;
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return true;
    }
}

}  // namespace

std::optional<plugin::refusal> try_to_load(const std::vector<std::string>& words,
                                           const std::string& path) {
    std::vector<char*> argv;
    for (const std::string& each : words) argv.push_back(const_cast<char*>(each.c_str()));
    argv.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return plugin::refuse(path + " could not be tried: " + std::strerror(errno));
    const base::unique_fd from(ends[0]);
    base::unique_fd to(ends[1]);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become_trial("/proc/self/exe", argv.data(), to.get(), parent);
    if (pid < 0) return plugin::refuse(path + " could not be tried: " + std::strerror(errno));
    to = {};
    bool said = false;
    const bool in_time = wait_for_end(from.get(), said);
    if (!in_time) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!in_time)
        return plugin::refuse(path + " had not loaded after " +
                              std::to_string(load_trial_max_ms / 1000) + " s, in a trial");
    if (WIFSIGNALED(status))
        return plugin::refuse(
            path + " crashed while it was loaded, in a trial: " + signal_name(WTERMSIG(status)));
    const int code = WEXITSTATUS(status);
    if ((code == 0 && said) || code == refused_code) return std::nullopt;
    return plugin::refuse(path + " ended the process while it was loaded, in a trial (exit code " +
                          std::to_string(code) + ')');
}

}  // namespace pkernel::runtime

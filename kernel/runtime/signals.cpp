#include "kernel/runtime/signals.hpp"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace pkernel::runtime {
namespace {

constexpr int watched[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

}  // namespace

base::unique_fd watch_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int each : watched) {
        ::signal(each, SIG_DFL);  // One that is ignored, as nohup does, would not come.
        ::sigaddset(&set, each);
    }
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is an error of its write.
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    base::unique_fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) throw std::system_error(errno, std::generic_category(), "signalfd");
    return fd;
}

int next_signal(int signal_fd) noexcept {
    signalfd_siginfo info;
    ssize_t n;
    do n = ::read(signal_fd, &info, sizeof info);
    while (n < 0 && errno == EINTR);
    return n == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

bool is_end(int number) noexcept {
    return number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    if (name == nullptr) return "signal " + std::to_string(number);
    return std::string("SIG") + name;
}

void leave_signals_to_master() noexcept {
    for (const int each : watched) ::signal(each, each == SIGCHLD ? SIG_DFL : SIG_IGN);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace pkernel::runtime

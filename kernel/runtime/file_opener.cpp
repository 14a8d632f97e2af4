#include "kernel/runtime/file_opener.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "kernel/base/log.hpp"

namespace pkernel::runtime {

std::optional<file_opener::clock::time_point> file_opener::deadline() const {
    if (!child_ || child_->late) return std::nullopt;
    return child_->until;
}

void file_opener::on_time(clock::time_point now) noexcept {
    if (!child_ || child_->late || now < child_->until) return;
    child_->late = true;
    ::kill(child_->pid, SIGKILL);
}

int file_opener::start(pid_t engine, channel& to, const std::function<void()>& before) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return errno;
    if (pid > 0) {
        child_ = child{pid, clock::now() + time_max};
        return 0;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_DUMPABLE, 0);
    if (::getppid() != parent) ::_exit(1);
    int code = 1;
    try {
        before();
        run_(engine, to);
        code = 0;
    } catch (const std::exception& e) {
        base::log(base::log_level::error,
                  std::string("opening files for the engine failed: ") + e.what());
    }
    ::_exit(code);
}

bool file_opener::reaped(pid_t pid, int wait_status, int* error) noexcept {
    if (!child_ || child_->pid != pid) return false;
    const bool well = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    *error = well ? 0 : child_->late ? ETIMEDOUT : EIO;
    child_.reset();
    return true;
}

void file_opener::stop() noexcept {
    if (!child_) return;
    ::kill(child_->pid, SIGKILL);
    while (::waitpid(child_->pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    child_.reset();
}

}  // namespace pkernel::runtime

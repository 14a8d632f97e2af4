#include "kernel/runtime/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernel/runtime/fd_budget.hpp"

namespace pkernel::runtime {

std::optional<account> find_account(const std::string& name) {
    std::vector<char> space(16 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, space.data(), space.size(), &found) != 0 || !found)
        return std::nullopt;
    return account{name, found->pw_uid, found->pw_gid};
}

std::vector<gid_t> groups_of(const account& who) {
    constexpr int groups_max = 65536;  // Of Linux.
    std::vector<gid_t> all(64);
    int count = static_cast<int>(all.size());
    while (::getgrouplist(who.name.c_str(), who.gid, all.data(), &count) < 0) {
        if (all.size() >= groups_max) break;
        all.resize(all.size() * 2);
        count = static_cast<int>(all.size());
    }
    all.resize(static_cast<std::size_t>(count));
    return all;
}

std::string no_such_user(const std::string& name) {
    return "the system knows no user '" + name + "'";
}

bool is_root() noexcept {
    return ::geteuid() == 0;
}

void forbid_new_rights() noexcept {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

std::string become(const account& who) {
    int parent_death_signal = 0;
    ::prctl(PR_GET_PDEATHSIG, &parent_death_signal);
    const pid_t parent = ::getppid();
    const auto failed = [&](const char* step) {
        return std::string("cannot become user '") + who.name + "': " + step + ": " +
               std::strerror(errno);
    };
    if (::initgroups(who.name.c_str(), who.gid) != 0) return failed("initgroups");
    if (::setresgid(who.gid, who.gid, who.gid) != 0) return failed("setresgid");
    if (::setresuid(who.uid, who.uid, who.uid) != 0) return failed("setresuid");
    if (who.uid != 0 && ::setuid(0) == 0) return failed("root could be had back");
    // The system forgets it when the user changes.
    ::prctl(PR_SET_PDEATHSIG, parent_death_signal);
    if (parent_death_signal != 0 && ::getppid() != parent) ::raise(parent_death_signal);
    return {};
}

std::uint64_t raise_fd_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace pkernel::runtime

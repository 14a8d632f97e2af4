#include "kernel/runtime/file_access.hpp"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>

namespace pkernel::runtime {
namespace {

std::deque<std::string> steps_of(std::string_view path) {
    std::deque<std::string> out;
    while (!path.empty()) {
        const auto end = path.find('/');
        const auto step = path.substr(0, end);
        if (!step.empty() && step != ".") out.emplace_back(step);
        if (end == std::string_view::npos) break;
        path.remove_prefix(end + 1);
    }
    return out;
}

std::string link_text(const std::string& path) {
    char text[PATH_MAX];
    const ssize_t size = ::readlink(path.c_str(), text, sizeof text);
    return size < 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

std::optional<identity> identity_of(pid_t process) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    identity out;
    bool has_uid = false, has_gid = false, has_groups = false;
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        unsigned long real = 0, effective = 0;
        if (name == "Uid:") {
            has_uid = static_cast<bool>(words >> real >> effective);
            out.uid = static_cast<uid_t>(effective);
        } else if (name == "Gid:") {
            has_gid = static_cast<bool>(words >> real >> effective);
            out.gid = static_cast<gid_t>(effective);
        } else if (name == "Groups:") {
            has_groups = true;
            for (unsigned long each; words >> each;) out.groups.push_back(static_cast<gid_t>(each));
        }
    }
    if (!has_uid || !has_gid || !has_groups) return std::nullopt;
    return out;
}

// Root needs no group to open a file; with those of `who` only the user is left to change.
file_access::file_access(identity who) : who_(std::move(who)) {
    usable_ = ::setgroups(who_.groups.size(), who_.groups.data()) == 0 &&
              ::setresgid(who_.gid, who_.gid, who_.gid) == 0;
}

bool file_access::may(const std::string& path, int what) const {
    if (::seteuid(who_.uid) != 0) return false;
    const bool yes = ::faccessat(AT_FDCWD, path.c_str(), what, AT_EACCESS) == 0;
    if (::seteuid(0) != 0) std::abort();  // Nothing that follows would be what it is meant to be.
    return yes;
}

bool file_access::may_read(const std::string& path) const {
    return may(path, R_OK);
}

std::optional<std::string> file_access::out_of_reach(const std::string& path,
                                                     std::string& why) const {
    std::deque<std::string> left = steps_of(path);
    std::string here;  // Without links and without an end slash; empty: the root directory.
    bool guarded = !may("/", W_OK);
    const auto turned = [&](const std::string& step, const char* how) {
        why = step + how;
        return std::nullopt;
    };
    for (int links = 0;;) {
        const std::string place = here.empty() ? "/" : here;
        struct stat about {};
        if (::lstat(place.c_str(), &about) != 0) return turned(place + ": ", std::strerror(errno));
        if (about.st_uid == who_.uid) return turned(place, " belongs to that user");
        if (!guarded && ((about.st_mode & S_ISVTX) == 0 || !S_ISDIR(about.st_mode)))
            return turned(place, " can be written by that user");
        if (left.empty()) return place;
        if (!S_ISDIR(about.st_mode)) return turned(place, " is not a directory");
        const std::string step = std::move(left.front());
        left.pop_front();
        if (step == "..") {
            here.erase(here.rfind('/') == std::string::npos ? 0 : here.rfind('/'));
            guarded = true;  // It was looked at on the way down.
            continue;
        }
        const std::string next = here + '/' + step;
        struct stat that {};
        if (::lstat(next.c_str(), &that) != 0) return turned(next + ": ", std::strerror(errno));
        if (S_ISLNK(that.st_mode)) {
            if (that.st_uid == who_.uid) return turned(next, " belongs to that user");
            if (++links > links_max) return turned(next, " has too many symbolic links");
            const std::string target = link_text(next);
            auto steps = steps_of(target);
            left.insert(left.begin(), steps.begin(), steps.end());
            if (target.starts_with('/')) here.clear();
            guarded = true;
            continue;
        }
        here = next;
        guarded = !may(here, W_OK);
    }
}

}  // namespace pkernel::runtime

#include "kernel/plugin/plugin_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "kernel/plugin/elf_note.hpp"

namespace pkernel::plugin {
namespace {

constexpr const char* override_hint = "--allow-insecure-plugins-dir lets it pass";
constexpr int read_attempts_max = 3;

std::string because(int error) {
    return std::strerror(error);
}

// Why others than the user of this process and root could change what `s` describes.
std::optional<std::string> distrust(const struct stat& s) {
    if ((s.st_mode & S_IWOTH) != 0) return "is writable by others";
    if (s.st_uid != 0 && s.st_uid != ::geteuid()) {
        return "belongs to user id " + std::to_string(s.st_uid) + ", not to root or to user id " +
               std::to_string(::geteuid()) + " that pkernel runs as";
    }
    return {};
}

bool same_state(const struct stat& a, const struct stat& b) noexcept {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
           a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

// Fills `bytes`; false with errno when that many cannot be read (0: the file is shorter).
bool read_all(int fd, std::string& bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        const auto n = ::pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = 0;
            return false;
        }
        at += static_cast<std::size_t>(n);
    }
    return true;
}

// A file that is written while it is read is read again, a few times.
outcome<std::string> read_stable(int fd, const std::string& path) {
    for (int i = 0; i < read_attempts_max; ++i) {
        struct stat before {
        }, after{};
        if (::fstat(fd, &before) != 0) return refuse(path + " cannot be read: " + because(errno));
        if (static_cast<std::uint64_t>(before.st_size) > plugin_dir::file_bytes_max) {
            return refuse(path + " is larger than " +
                          std::to_string(plugin_dir::file_bytes_max >> 20) + " MiB");
        }
        std::string bytes(static_cast<std::size_t>(before.st_size), '\0');
        const bool whole = read_all(fd, bytes);
        if (!whole && errno != 0) return refuse(path + " cannot be read: " + because(errno));
        if (whole && ::fstat(fd, &after) == 0 && same_state(before, after)) return bytes;
    }
    return refuse(path + " is being written", "copy to another name, then rename over it");
}

}  // namespace

plugin_dir::plugin_dir(std::string_view path, trust t) : path_(path), trust_(t) {
    std::error_code ec;
    const auto absolute = std::filesystem::absolute(path_, ec);
    if (!ec) path_ = absolute.lexically_normal().string();
    while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
}

std::string plugin_dir::path_of(std::string_view name) const {
    return path_ + "/" + std::string(name) + ".so";
}

refusal plugin_dir::missing(std::string_view name) const {
    const std::string quoted(name);
    return {true, "'" + quoted + "' needs plugins/" + quoted + ".so, which is not in " + path_, {}};
}

outcome<base::unique_fd> plugin_dir::open_directory(std::string_view name) const {
    base::unique_fd dir(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir) {
        const std::string why = errno == ENOENT    ? " does not exist"
                                : errno == ENOTDIR ? " is not a directory"
                                                   : " cannot be opened: " + because(errno);
        const std::string quoted(name);
        return refuse(
            "'" + quoted + "' needs plugins/" + quoted + ".so, but the directory " + path_ + why,
            "--plugins-dir says where plugins are");
    }
    struct stat s {};
    if (::fstat(dir.get(), &s) != 0) return refuse(path_ + " cannot be read: " + because(errno));
    if (trust_ == trust::checked) {
        if (auto why = distrust(s)) {
            return refuse("plugins directory " + path_ + " " + *why, override_hint);
        }
    }
    return dir;
}

// What the link `file` names, which must be a file of the same directory.
outcome<std::string> plugin_dir::linked_name(const base::unique_fd& dir,
                                             const std::string& file) const {
    std::string target(PATH_MAX, '\0');
    const auto n = ::readlinkat(dir.get(), file.c_str(), target.data(), target.size());
    if (n < 0) return refuse(path_ + "/" + file + " cannot be read: " + because(errno));
    target.resize(static_cast<std::size_t>(n));
    if (target.find('/') != target.npos || target == "..") {
        return refuse(path_ + "/" + file + " is a symbolic link out of its directory, to " + target,
                      override_hint);
    }
    return target;
}

outcome<base::unique_fd> plugin_dir::open_file(const base::unique_fd& dir,
                                               std::string_view name) const {
    // O_NONBLOCK: a fifo must not hold us up.
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (trust_ == trust::any ? 0 : O_NOFOLLOW);
    std::string file = std::string(name) + ".so";
    base::unique_fd fd(::openat(dir.get(), file.c_str(), flags));
    if (!fd && errno == ELOOP && trust_ == trust::checked) {
        auto target = linked_name(dir, file);
        if (!target.has_value()) return target.error();
        fd = base::unique_fd(::openat(dir.get(), target->c_str(), flags));
    }
    const auto path = path_of(name);
    if (!fd && errno == ENOENT) return missing(name);
    if (!fd) return refuse(path + " cannot be opened: " + because(errno));

    struct stat s {};
    if (::fstat(fd.get(), &s) != 0) return refuse(path + " cannot be read: " + because(errno));
    if (!S_ISREG(s.st_mode)) return refuse(path + " is not a regular file");
    if (trust_ == trust::checked) {
        if (auto why = distrust(s)) return refuse(path + " " + *why, override_hint);
    }
    return fd;
}

outcome<std::string> plugin_dir::read(std::string_view name) const {
    const auto dir = open_directory(name);
    if (!dir.has_value()) return dir.error();
    const auto file = open_file(*dir, name);
    if (!file.has_value()) return file.error();
    return read_stable(file->get(), path_of(name));
}

std::vector<std::string> plugin_dir::names() const {
    std::vector<std::string> out;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path_.c_str()), &::closedir);
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        std::string_view name = entry->d_name;
        if (!name.ends_with(".so")) continue;
        name.remove_suffix(3);
        if (is_plugin_name(name) && out.size() < names_max) out.emplace_back(name);
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace pkernel::plugin

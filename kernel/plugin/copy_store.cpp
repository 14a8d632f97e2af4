#include "kernel/plugin/copy_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace pkernel::plugin {
namespace {

constexpr std::string_view prefix = "pkernel-plugins.";
constexpr int settle_attempts_max = 8;

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

// Removes a directory and the files in it. `dir` is open on it.
void remove_directory(const base::unique_fd& dir, int parent, const char* name) {
    const int fd = ::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fd < 0 ? nullptr : ::fdopendir(fd),
                                                      &::closedir);
    while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
        ::unlinkat(fd, entry->d_name, 0);  // Fails on "." and "..", as it should.
    }
    ::unlinkat(parent, name, AT_REMOVEDIR);
}

// Removes a directory of our user whose process is gone, which is when nobody holds its lock. The
// lock is held meanwhile, so that one who has just made it finds out in claim().
void remove_if_abandoned(int parent, const char* name) {
    const base::unique_fd dir(
        ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat s {};
    if (dir && ::fstat(dir.get(), &s) == 0 && s.st_uid == ::geteuid() &&
        ::flock(dir.get(), LOCK_EX | LOCK_NB) == 0) {
        remove_directory(dir, parent, name);
    }
}

void sweep(const std::string& place) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(place.c_str()), &::closedir);
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        if (!std::string_view(entry->d_name).starts_with(prefix)) continue;
        remove_if_abandoned(::dirfd(dir.get()), entry->d_name);
    }
}

// Whether files of `directory` may be mapped as code: not so where it is mounted noexec.
bool code_may_be_mapped(const base::unique_fd& directory) {
    const base::unique_fd probe(
        ::openat(directory.get(), "probe", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!probe) return false;
    ::unlinkat(directory.get(), "probe", 0);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    if (::ftruncate(probe.get(), static_cast<off_t>(page)) != 0) return false;
    void* at = ::mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, probe.get(), 0);
    if (at == MAP_FAILED) return false;
    ::munmap(at, page);
    return true;
}

// Locks a directory that was just made. False when a sweep took it away in between.
bool claim(const base::unique_fd& dir, const std::string& path) {
    struct stat ours {
    }, linked{};
    return ::flock(dir.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(dir.get(), &ours) == 0 &&
           ::lstat(path.c_str(), &linked) == 0 && ours.st_ino == linked.st_ino &&
           ours.st_dev == linked.st_dev;
}

}  // namespace

std::vector<std::string> copy_store::usual_places() {
    std::vector<std::string> places;
    for (const char* variable : {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"}) {
        const char* value = std::getenv(variable);
        if (value && value[0] == '/') places.emplace_back(value);
    }
    places.emplace_back("/tmp");
    places.emplace_back("/var/tmp");
    return places;
}

copy_store::copy_store(const std::vector<std::string>& places) {
    for (const auto& place : places) {
        if (settle(place)) return;
    }
}

bool copy_store::settle(const std::string& place) {
    sweep(place);
    for (int i = 0; i < settle_attempts_max; ++i) {
        std::string path = place + "/" + std::string(prefix) + "XXXXXX";
        if (!::mkdtemp(path.data())) return false;
        base::unique_fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!dir || !claim(dir, path)) {
            ::rmdir(path.c_str());
            continue;
        }
        if (!code_may_be_mapped(dir)) {
            ::rmdir(path.c_str());
            return false;
        }
        directory_ = std::move(path);
        lock_ = std::move(dir);
        return true;
    }
    return false;
}

copy_store::~copy_store() {
    if (directory_.empty() || owner_ != ::getpid()) return;
    remove_directory(lock_, AT_FDCWD, directory_.c_str());
}

outcome<std::string> copy_store::put(const std::string& label, std::string_view bytes) {
    if (const auto known = paths_.find(label); known != paths_.end()) return known->second;

    const bool in_memory = directory_.empty();
    const std::string file = label + ".so";
    base::unique_fd fd(in_memory ? ::memfd_create(file.c_str(), MFD_CLOEXEC)
                                 : ::openat(lock_.get(), file.c_str(),
                                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
    if (!fd || !write_all(fd.get(), bytes)) {
        const int error = errno;
        if (fd && !in_memory) ::unlinkat(lock_.get(), file.c_str(), 0);
        return refuse("no private copy of plugin file " + file + " can be made in " +
                      (in_memory ? "memory" : directory_) + ": " + std::strerror(error));
    }
    std::string path = directory_ + "/" + file;
    if (in_memory) {
        path = "/proc/self/fd/" + std::to_string(fd.get());
        memfds_.push_back(std::move(fd));
    }
    paths_.emplace(label, path);
    return path;
}

}  // namespace pkernel::plugin

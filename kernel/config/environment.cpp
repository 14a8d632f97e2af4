#include "kernel/config/environment.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace pkernel::config {

namespace {

file_text problem(std::string why) {
    return {false, {}, std::move(why)};
}

}  // namespace

file_text read_open_file(int fd, std::size_t size_max) {
    struct stat about {};
    if (fstat(fd, &about) != 0) return problem(std::strerror(errno));
    if (S_ISDIR(about.st_mode)) return problem("it is a directory");
    if (!S_ISREG(about.st_mode)) return problem("it is not a regular file");
    file_text out;
    char buffer[65536];
    for (off_t at = 0;;) {
        const ssize_t n = ::pread(fd, buffer, sizeof buffer, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return problem(std::strerror(errno));
        if (n == 0) break;
        at += n;
        out.bytes.append(buffer, static_cast<std::size_t>(n));
        if (out.bytes.size() > size_max) {
            return problem("it is larger than " + std::to_string(size_max / 1024) + "KiB");
        }
    }
    out.ok = true;
    return out;
}

file_text process_environment::read(const std::string& path, std::size_t size_max) {
    // Not blocking: opening a pipe for reading must not wait for its writer.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return problem(errno == ENOENT ? "there is no such file" : std::strerror(errno));
    }
    file_text out = read_open_file(fd, size_max);
    ::close(fd);
    return out;
}

std::optional<std::string> process_environment::variable(std::string_view name) {
    const char* found = std::getenv(std::string(name).c_str());
    if (found == nullptr) return std::nullopt;
    return std::string(found);
}

std::string process_environment::working_directory() {
    std::error_code failed;
    const auto here = std::filesystem::current_path(failed);
    return failed ? "/" : here.string();
}

std::string resolve_path(std::string_view path, std::string_view file, std::string_view cwd) {
    namespace fs = std::filesystem;
    const fs::path base = fs::path(cwd) / fs::path(file).parent_path();
    std::string out = (base / fs::path(path)).lexically_normal().string();
    if (out.size() > 1 && out.back() == '/') out.pop_back();
    return out;
}

}  // namespace pkernel::config

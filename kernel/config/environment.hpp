// What reading a config takes from the outside: files and environment variables. Tests give their
// own.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pkernel::config {

struct file_text {
    bool ok = false;
    std::string bytes;    // When ok.
    std::string problem;  // Otherwise, as after "cannot read x: ".
};

class environment {
public:
    virtual ~environment() = default;

    // At most size_max bytes; a longer file, a directory or a device is a problem.
    virtual file_text read(const std::string& path, std::size_t size_max) = 0;

    virtual std::optional<std::string> variable(std::string_view name) = 0;

    // What relative paths of the first file are relative to.
    virtual std::string working_directory() = 0;
};

// The bytes of an open file from its beginning, wherever it was read to. As environment::read.
file_text read_open_file(int fd, std::size_t size_max);

// The process's own.
class process_environment : public environment {
public:
    file_text read(const std::string& path, std::size_t size_max) override;
    std::optional<std::string> variable(std::string_view name) override;
    std::string working_directory() override;
};

// `path` as seen from the directory that holds `file`, absolute and without dot segments.
// `cwd` is absolute. Purely textual: symbolic links are not followed.
std::string resolve_path(std::string_view path, std::string_view file, std::string_view cwd);

}  // namespace pkernel::config

// Where lines go, without ever blocking the worker that writes them.
//
// A regular file is appended to; whole lines in one write do not mix with another worker's.
// Anything else (a pipe, a terminal, journald's socket) is written without blocking by one worker
// at a time; what it has no room for stays with the caller. A line of which a part went out is
// finished before any other.

#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

namespace access_log {

class output {
public:
    explicit output(std::string path) : path_(std::move(path)) {}
    ~output() {
        if (fd_ >= 0) ::close(fd_);
    }
    output(const output&) = delete;

    // [control] Opens it for the first time, or again after the file was moved away. Writers go on
    // with the same descriptor. Throws std::system_error, and keeps what it has.
    void open() {
        const int fresh = open_path();
        struct stat info {};
        ::fstat(fresh, &info);
        if (fd_ < 0) {
            fd_ = fresh;
        } else {
            ::dup3(fresh, fd_, O_CLOEXEC);
            ::close(fresh);
        }
        regular_ = S_ISREG(info.st_mode);
        socket_ = S_ISSOCK(info.st_mode);
    }

    // [control] Throws as open() would, as far as that can be told without making a file.
    void check() const {
        if (path_ == "/dev/stdout" || path_ == "/dev/stderr") return;
        struct stat info {};
        if (::stat(path_.c_str(), &info) == 0) {
            if (S_ISDIR(info.st_mode)) errno = EISDIR;
            if (S_ISDIR(info.st_mode) ||
                ::faccessat(AT_FDCWD, path_.c_str(), W_OK, AT_EACCESS) != 0)
                throw std::system_error(errno, std::generic_category(), path_);
            return;
        }
        const std::string folder = path_.substr(0, path_.rfind('/') + 1);
        const char* const where = folder.empty() ? "." : folder.c_str();
        if (::faccessat(AT_FDCWD, where, W_OK | X_OK, AT_EACCESS) != 0)
            throw std::system_error(errno, std::generic_category(), path_);
    }

    enum class result { all, some, failed };

    // [any] Writes whole lines and removes from `lines` what went out. `some`: no room or another
    // writer, try again later. `failed`: errno says why; nothing of it will ever go out.
    result write(std::string& lines) {
        if (regular_) return append(lines);
        const std::unique_lock only(one_writer_, std::try_to_lock);
        if (!only) return result::some;
        if (const result r = push(rest_); r != result::all) {
            if (r == result::failed) rest_.clear();
            return r;
        }
        const result r = push(lines);
        if (r == result::some) keep_rest_of_line(lines);
        return r;
    }

private:
    int open_path() const {
        // Our own description of a standard stream: O_NONBLOCK on the shared one would surprise
        // everybody else who has it.
        const bool out = path_ == "/dev/stdout", err = path_ == "/dev/stderr";
        // A socket cannot be opened again; each send says for itself that it must not block. A file
        // must not be: whoever else writes to it does so at a place of his own then, over our
        // lines, and it may be one that only root may open.
        struct stat stream {};
        if ((out || err) && ::fstat(out ? 1 : 2, &stream) == 0 &&
            (S_ISSOCK(stream.st_mode) || S_ISREG(stream.st_mode)))
            return ::fcntl(out ? 1 : 2, F_DUPFD_CLOEXEC, 3);
        const std::string name = out ? "/proc/self/fd/1" : err ? "/proc/self/fd/2" : path_;
        struct stat info {};
        const bool fifo = ::stat(name.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
        // A named pipe opened for both directions needs no reader yet, and loses none.
        const int access = fifo && !out && !err ? O_RDWR : O_WRONLY;
        const int flags = access | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
        const int fd = ::open(name.c_str(), flags, 0640);
        if (fd < 0) throw std::system_error(errno, std::generic_category(), path_);
        return fd;
    }

    result append(std::string& lines) {
        if (torn_.exchange(false)) lines.insert(0, 1, '\n');
        std::string_view left = lines;
        while (!left.empty()) {
            const ssize_t n = ::write(fd_, left.data(), left.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) break;
            left.remove_prefix(static_cast<std::size_t>(n));
        }
        const bool all = left.empty();
        if (!all && left.size() < lines.size())
            torn_ = lines[lines.size() - left.size() - 1] != '\n';
        lines.clear();
        return all ? result::all : result::failed;
    }

    result push(std::string& bytes) {
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            const char* const rest = bytes.data() + sent;
            const std::size_t left = bytes.size() - sent;
            const ssize_t n = socket_ ? ::send(fd_, rest, left, MSG_DONTWAIT | MSG_NOSIGNAL)
                                      : ::write(fd_, rest, left);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) break;
            sent += static_cast<std::size_t>(n);
        }
        const bool full = errno == EAGAIN;
        cut_ = sent > 0 && bytes[sent - 1] != '\n';
        bytes.erase(0, sent);
        if (bytes.empty()) return result::all;
        return full ? result::some : result::failed;
    }

    void keep_rest_of_line(std::string& lines) {
        if (!cut_) return;
        const auto end = lines.find('\n') + 1;
        rest_.assign(lines, 0, end);
        lines.erase(0, end);
    }

    const std::string path_;
    int fd_ = -1;
    std::atomic<bool> regular_ = false;
    std::atomic<bool> socket_ = false;
    std::atomic<bool> torn_ = false;  // A failed write left a part of a line in the file.
    bool cut_ = false;
    std::mutex one_writer_;
    std::string rest_;  // Of the line that a pipe took a part of.
};

}  // namespace access_log

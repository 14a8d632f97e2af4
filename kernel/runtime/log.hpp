// The process's own log: lines of people or of JSON on stderr, written by a thread of its own.
//
//   2026-11-24T21:20:32.123Z info  text
//   {"time":"2026-11-24T21:20:32.123Z","level":"info","text":"text"}
//
// Control characters and malformed UTF-8 are escaped, a line is at most 4 KiB. Whatever stderr does
// (closed, a full pipe, a stopped terminal), no caller waits: lines are dropped, and the next one
// that gets through is preceded by their number.

#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/log.hpp"

namespace pkernel::runtime {

enum class log_form { text, json };

// "debug", "info", "warn", "error".
std::optional<base::log_level> level_named(std::string_view name) noexcept;

// One line as it is written, with its newline. Pure. `unix_ms` is the wall clock.
std::string format_line(std::int64_t unix_ms, base::log_level level, std::string_view text,
                        log_form form);

class log final : public base::log_sink {
public:
    enum class mode {
        direct,     // In the calling thread, for a process that forks: the master.
        background  // By a thread: the engine. Starts one.
    };
    static constexpr std::size_t queue_lines_max = 1024;
    static constexpr std::size_t line_bytes_max = 4096;  // Also what a pipe takes as a whole.

    // Becomes what base::log writes to. Neither object nor `fd` is used by a forked child that does
    // not make its own.
    log(mode how, log_form form, base::log_level least, int fd = 2);
    // Writes what is queued, but waits for nothing that does not take it at once.
    ~log();
    log(const log&) = delete;
    log& operator=(const log&) = delete;

    void write(base::log_level level, std::string_view line) noexcept override;
    bool write_text(std::string_view text) noexcept override;

private:
    class output;

    const log_form form_;
    const std::shared_ptr<output> output_;
    struct queue;
    std::unique_ptr<queue> queue_;  // Null in direct mode.
};

}  // namespace pkernel::runtime

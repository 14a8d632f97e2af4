// The door to the kernel's own log for every layer; where its lines go is the runtime's business.
//
// [any] A call copies the line into a bounded queue and returns: it never waits for a disk, a pipe
// or a terminal. When the queue is full the oldest lines are dropped and counted.

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pkernel::base {

// The values of pk.logger/1.
enum class log_level : std::uint32_t { debug = 0, info = 1, warning = 2, error = 3 };

class log_sink {
public:
    // The line is any bytes and is escaped by the sink; it lives until the call returns.
    virtual void write(log_level level, std::string_view line) noexcept = 0;
    // Several lines for people, which stand as they are. False: this log is of one line an event.
    virtual bool write_text(std::string_view) noexcept { return false; }

protected:
    ~log_sink() = default;
};

// Sends lines of `least` and above to `sink`, or nowhere when it is null. The sink must live until
// another is set. Called while no other thread logs.
void set_log(log_sink* sink, log_level least) noexcept;

bool log_enabled(log_level level) noexcept;
void log(log_level level, std::string_view line) noexcept;

// A text of several lines, laid out for people and without control characters, with its newlines.
// False: there is no log, or one that takes single lines only; nothing was written.
bool log_text(std::string_view text) noexcept;

// For a line that could come many times a second: lets one through each second, counts the others.
class repeat_limit {
public:
    // The number of lines withheld since the last one let through, or nothing: withhold this one.
    // `now_ns` is any monotonic clock.
    std::optional<std::uint64_t> admit(std::int64_t now_ns) noexcept;

private:
    std::atomic<std::int64_t> next_ns_{INT64_MIN};
    std::atomic<std::uint64_t> withheld_{0};
};

// As log, at most once a second for each `limit`; the next line tells how many were withheld.
void log(log_level level, std::string_view line, repeat_limit& limit) noexcept;

}  // namespace pkernel::base

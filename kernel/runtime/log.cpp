#include "kernel/runtime/log.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "kernel/config/text.hpp"

namespace pkernel::runtime {
namespace {

using base::log_level;

constexpr std::array<std::string_view, 4> names{"debug", "info", "warn", "error"};
constexpr std::string_view cut_mark = " [cut]";
constexpr std::size_t frame_bytes_max = 96;  // What stands around the text of a line.

// The level of text that is written as it is.
constexpr auto as_it_is = spdlog::level::critical;

spdlog::level::level_enum to_spdlog(log_level level) noexcept {
    constexpr std::array all{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                             spdlog::level::err};
    return all[static_cast<std::size_t>(level)];
}

log_level from_spdlog(spdlog::level::level_enum level) noexcept {
    if (level >= spdlog::level::err) return log_level::error;
    if (level == spdlog::level::warn) return log_level::warning;
    return level == spdlog::level::info ? log_level::info : log_level::debug;
}

void append_time(std::string& out, std::int64_t unix_ms) {
    const std::time_t seconds = unix_ms / 1000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[40];
    const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    out.append(text, size);
    std::snprintf(text, sizeof text, ".%03dZ", static_cast<int>(unix_ms % 1000));
    out += text;
}

// One character, or a byte of none, as it may stand in a line.
void append_escaped(std::string& out, std::string_view character, bool valid, log_form form) {
    const auto byte = static_cast<unsigned char>(character.front());
    const bool control =
        byte < 0x20 || byte == 0x7f || (byte == 0xc2 && valid && character[1] < '\xa0');
    const bool json = form == log_form::json;
    char hex[16];
    if (valid && !control) {
        if (json && (byte == '"' || byte == '\\')) out += '\\';
        out += character;
    } else if (json && valid) {
        const unsigned code =
            character.size() == 1 ? byte : static_cast<unsigned char>(character[1]);
        std::snprintf(hex, sizeof hex, "\\u%04x", code);
        out += hex;
    } else {
        for (const char c : character) {
            const unsigned one = static_cast<unsigned char>(c);
            std::snprintf(hex, sizeof hex, json ? "\\\\x%02x" : "\\x%02x", one);
            out += hex;
        }
    }
}

void append_text(std::string& out, std::string_view text, log_form form, std::size_t bytes_max) {
    while (!text.empty()) {
        const std::size_t known = config::utf8_length(text);
        const std::string_view character = text.substr(0, known == 0 ? 1 : known);
        if (out.size() + 8 > bytes_max) {
            out += cut_mark;
            return;
        }
        append_escaped(out, character, known != 0, form);
        text.remove_prefix(character.size());
    }
}

}  // namespace

std::optional<log_level> level_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) return static_cast<log_level>(i);
    return std::nullopt;
}

std::string format_line(std::int64_t unix_ms, log_level level, std::string_view text,
                        log_form form) {
    const std::string_view name = names[static_cast<std::size_t>(level)];
    const std::size_t bytes_max = log::line_bytes_max - cut_mark.size() - 3;
    std::string out;
    out.reserve(std::min(text.size(), bytes_max) + frame_bytes_max);
    if (form == log_form::text) {
        append_time(out, unix_ms);
        out += ' ';
        out += name;
        out.append(6 - name.size(), ' ');
        append_text(out, text, form, bytes_max);
        return out += '\n';
    }
    out = "{\"time\":\"";
    append_time(out, unix_ms);
    out += "\",\"level\":\"";
    out += name;
    out += "\",\"text\":\"";
    append_text(out, text, form, bytes_max);
    return out += "\"}\n";
}

// The last stage: one write a line, to a descriptor that is asked first whether it would block.
// Called by one thread at a time.
class log::output final : public spdlog::sinks::sink {
public:
    output(int fd, log_form form, int patience_ms)
        : fd_(fd), form_(form), patience_ms_(patience_ms) {}

    void count_overruns_of(spdlog::details::thread_pool* pool) noexcept { pool_ = pool; }
    void hurry() noexcept { hurry_ = true; }

    void log(const spdlog::details::log_msg& message) override {
        using std::chrono::milliseconds;
        if (message.level == as_it_is)
            return put_text({message.payload.data(), message.payload.size()});
        const auto since =
            std::chrono::duration_cast<milliseconds>(message.time.time_since_epoch());
        put(since.count(), from_spdlog(message.level),
            {message.payload.data(), message.payload.size()});
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

    void put(std::int64_t unix_ms, log_level level, std::string_view text) {
        tell_losses(unix_ms);
        if (!send(format_line(unix_ms, level, text, form_))) ++lost_;
    }

    void put_text(std::string_view text) {
        if (!send(text)) ++lost_;
    }

private:
    void tell_losses(std::int64_t unix_ms) {
        auto* const pool = pool_.load();
        const std::size_t lost = lost_ + (pool != nullptr ? pool->overrun_counter() : 0);
        if (lost == told_) return;
        const std::string text = std::to_string(lost - told_) + " lines of this log were dropped";
        if (send(format_line(unix_ms, log_level::warning, text, form_))) told_ = lost;
    }

    bool send(std::string_view line) noexcept {
        while (!line.empty()) {
            pollfd ready{fd_, POLLOUT, 0};
            if (::poll(&ready, 1, hurry_ ? 0 : patience_ms_) <= 0) return false;
            // So much a pipe takes at once that says it can be written to.
            const ssize_t n = ::write(fd_, line.data(), std::min(line.size(), line_bytes_max));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            line.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    const int fd_;
    const log_form form_;
    const int patience_ms_;
    std::atomic<bool> hurry_ = false;
    std::atomic<spdlog::details::thread_pool*> pool_ = nullptr;
    std::size_t lost_ = 0;
    std::size_t told_ = 0;
};

struct log::queue {
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

log::log(mode how, log_form form, log_level least, int fd)
    : form_(form), output_(std::make_shared<output>(fd, form, how == mode::direct ? 20 : 100)) {
    if (how == mode::background) {
        queue_ = std::make_unique<queue>();
        queue_->pool = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
        queue_->logger = std::make_shared<spdlog::async_logger>(
            "", output_, queue_->pool, spdlog::async_overflow_policy::overrun_oldest);
        queue_->logger->set_level(to_spdlog(least));
        output_->count_overruns_of(queue_->pool.get());
    }
    base::set_log(this, least);
}

log::~log() {
    base::set_log(nullptr, log_level::error);
    output_->hurry();
    // The pool's destructor takes part in nothing but the joining: it writes what is queued first.
    // The logger goes after its thread, which holds it with each line.
    if (queue_) queue_->pool.reset();
    queue_.reset();
}

bool log::write_text(std::string_view text) noexcept {
    if (form_ == log_form::json) return false;
    try {
        if (queue_)
            queue_->logger->log(as_it_is, spdlog::string_view_t(text.data(), text.size()));
        else
            output_->put_text(text);
    } catch (...) {  // No memory: the text is lost.
    }
    return true;
}

void log::write(log_level level, std::string_view line) noexcept {
    try {
        if (queue_)
            return queue_->logger->log(to_spdlog(level),
                                       spdlog::string_view_t(line.data(), line.size()));
        using namespace std::chrono;
        const auto since = system_clock::now().time_since_epoch();
        output_->put(duration_cast<milliseconds>(since).count(), level, line);
    } catch (...) {  // No memory: the line is lost, its caller is not.
    }
}

}  // namespace pkernel::runtime

#include "kernel/base/log.hpp"

#include <chrono>
#include <string>

namespace pkernel::base {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

log_sink* sink = nullptr;
log_level least_level = log_level::error;

}  // namespace

void set_log(log_sink* to, log_level least) noexcept {
    sink = to;
    least_level = least;
}

bool log_enabled(log_level level) noexcept {
    return sink != nullptr && level >= least_level;
}

void log(log_level level, std::string_view line) noexcept {
    if (log_enabled(level)) sink->write(level, line);
}

bool log_text(std::string_view text) noexcept {
    return sink != nullptr && sink->write_text(text);
}

std::optional<std::uint64_t> repeat_limit::admit(std::int64_t now_ns) noexcept {
    std::int64_t next = next_ns_.load(std::memory_order_relaxed);
    if (now_ns < next ||
        !next_ns_.compare_exchange_strong(next, now_ns + second_ns, std::memory_order_relaxed)) {
        withheld_.fetch_add(1, std::memory_order_relaxed);
        return std::nullopt;
    }
    return withheld_.exchange(0, std::memory_order_relaxed);
}

void log(log_level level, std::string_view line, repeat_limit& limit) noexcept {
    if (!log_enabled(level)) return;
    const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
    const auto withheld = limit.admit(std::chrono::nanoseconds(since_start).count());
    if (!withheld) return;
    if (*withheld == 0) return log(level, line);
    try {
        std::string text(line);
        text += " (and " + std::to_string(*withheld) + " more like it)";
        log(level, text);
    } catch (...) {
        log(level, line);
    }
}

}  // namespace pkernel::base

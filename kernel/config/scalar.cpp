#include "kernel/config/scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

struct unit {
    std::string_view name;
    std::int64_t factor;
};

// The longest first, as durations are written.
constexpr std::array<unit, 7> duration_units{{{"d", 86'400'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"s", 1'000'000'000},
                                              {"ms", 1'000'000},
                                              {"us", 1'000},
                                              {"ns", 1}}};

constexpr std::array<unit, 9> size_units{{{"TiB", std::int64_t{1} << 40},
                                          {"TB", 1'000'000'000'000},
                                          {"GiB", 1 << 30},
                                          {"GB", 1'000'000'000},
                                          {"MiB", 1 << 20},
                                          {"MB", 1'000'000},
                                          {"KiB", 1 << 10},
                                          {"KB", 1'000},
                                          {"B", 1}}};

struct alias {
    std::string_view written;  // In lower case.
    std::string_view meant;
};

constexpr alias duration_aliases[] = {
    {"day", "d"},     {"days", "d"},  {"hour", "h"},          {"hours", "h"},
    {"hr", "h"},      {"min", "m"},   {"mins", "m"},          {"minute", "m"},
    {"minutes", "m"}, {"sec", "s"},   {"secs", "s"},          {"second", "s"},
    {"seconds", "s"}, {"msec", "ms"}, {"milliseconds", "ms"}, {"millis", "ms"},
    {"usec", "us"},   {"", "s"},      {"microseconds", "us"}};

constexpr alias size_aliases[] = {{"k", "KiB"},   {"kib", "KiB"}, {"kb", "KB"},   {"m", "MiB"},
                                  {"mib", "MiB"}, {"mb", "MB"},   {"g", "GiB"},   {"gib", "GiB"},
                                  {"gb", "GB"},   {"t", "TiB"},   {"tib", "TiB"}, {"tb", "TB"},
                                  {"b", "B"},     {"bytes", "B"}, {"byte", "B"},  {"", "B"}};

const unit* find_unit(std::span<const unit> units, std::string_view name) {
    const auto found =
        std::find_if(units.begin(), units.end(), [&](const unit& u) { return u.name == name; });
    return found == units.end() ? nullptr : &*found;
}

// Takes digits without a leading zero from the front of `rest`; false when there are none, too many
// or a needless zero.
bool take_digits(std::string_view& rest, std::int64_t& out) {
    std::size_t n = 0;
    while (n < rest.size() && rest[n] >= '0' && rest[n] <= '9') ++n;
    if (n == 0 || (n > 1 && rest[0] == '0')) return false;
    const auto parsed = std::from_chars(rest.data(), rest.data() + n, out);
    rest.remove_prefix(n);
    return parsed.ec == std::errc();
}

std::string_view take_word(std::string_view& rest) {
    std::size_t n = 0;
    while (n < rest.size() && !(rest[n] >= '0' && rest[n] <= '9')) ++n;
    const std::string_view word = rest.substr(0, n);
    rest.remove_prefix(n);
    return word;
}

// factor × count + so_far, or false.
bool add_scaled(std::int64_t count, std::int64_t factor, std::int64_t& so_far) {
    if (count > (most - so_far) / factor) return false;
    so_far += count * factor;
    return true;
}

// "10" and "seconds" to "10s" when the unit is one that people write; else empty.
std::string corrected(std::string_view text, std::span<const alias> aliases) {
    std::string_view rest = text;
    std::int64_t count = 0;
    if (!take_digits(rest, count)) return {};
    std::string_view word = rest;
    while (!word.empty() && word[0] == ' ') word.remove_prefix(1);
    const std::string wanted = lower(word);
    for (const alias& a : aliases) {
        if (a.written == wanted || lower(a.meant) == wanted) {
            return std::to_string(count) + std::string(a.meant);
        }
    }
    return {};
}

std::string scaled_text(std::int64_t value, std::span<const unit> units, std::string_view zero) {
    if (value == 0) return std::string(zero);
    for (const unit& u : units) {
        if (value % u.factor == 0) return std::to_string(value / u.factor) + std::string(u.name);
    }
    return std::to_string(value);
}

}  // namespace

number_text parse_integer(std::string_view text) {
    number_text out;
    out.remedy = "a whole number";
    std::string_view rest = text;
    const bool negative = rest.starts_with('-');
    if (negative) rest.remove_prefix(1);
    if (!take_digits(rest, out.value) || !rest.empty()) return out;
    if (negative) out.value = -out.value;
    out.ok = true;
    return out;
}

number_text parse_size(std::string_view text) {
    number_text out;
    std::string_view rest = text;
    std::int64_t count = 0;
    if (take_digits(rest, count)) {
        const unit* u = find_unit(size_units, rest);
        out.ok = u != nullptr && add_scaled(count, u->factor, out.value);
    }
    if (!out.ok) {
        const std::string better = corrected(text, size_aliases);
        out.remedy = better.empty() || better == text ? "something like 64KiB" : better;
    }
    return out;
}

number_text parse_duration(std::string_view text) {
    number_text out;
    std::string_view rest = text;
    std::size_t next_unit = 0;  // Each unit once, the longest first.
    bool ok = !text.empty();
    while (ok && !rest.empty()) {
        std::int64_t count = 0;
        ok = take_digits(rest, count);
        const unit* u = ok ? find_unit(duration_units, take_word(rest)) : nullptr;
        if (u == nullptr) {
            ok = false;
            break;
        }
        const auto index = static_cast<std::size_t>(u - duration_units.data());
        ok = index >= next_unit && add_scaled(count, u->factor, out.value);
        next_unit = index + 1;
    }
    out.ok = ok;
    if (!ok) {
        const std::string better = corrected(text, duration_aliases);
        out.remedy =
            better.empty() || better == text ? "something like 10s, 250ms or 1h30m" : better;
    }
    return out;
}

rate_text parse_rate(std::string_view text) {
    rate_text out;
    out.remedy = "something like 100/s, 10/m or 5/10s";
    std::string_view rest = text;
    if (!take_digits(rest, out.count) || !rest.starts_with('/')) return out;
    rest.remove_prefix(1);
    if (const unit* u = find_unit(duration_units, rest)) {
        out.period = u->factor;
    } else {
        const number_text period = parse_duration(rest);
        if (!period.ok) {
            const std::string better = corrected("1" + std::string(rest), duration_aliases);
            if (!better.empty() && !rest.empty()) {
                out.remedy = std::to_string(out.count) + '/' + better.substr(1);
            }
            return out;
        }
        out.period = period.value;
    }
    out.ok = out.period > 0;
    return out;
}

std::string size_text(std::int64_t bytes) {
    // Binary units read best where they fit, and every number of bytes fits the last.
    std::array<unit, 5> binary{};
    std::size_t n = 0;
    for (const unit& u : size_units) {
        if (u.name.size() != 2) binary[n++] = u;
    }
    return scaled_text(bytes, {binary.data(), n}, "0B");
}

std::string duration_text(std::int64_t ns) {
    return scaled_text(ns, duration_units, "0s");
}

}  // namespace pkernel::config

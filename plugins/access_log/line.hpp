// One record as one line: JSON, or the combined format that log tools have read for decades.

#pragma once

#include <pkernel/address.hpp>
#include <pkernel/fields.hpp>
#include <pkernel/json.hpp>
#include <pkernel/log.hpp>

#include <chrono>

#include "redact.hpp"

namespace access_log {

struct wanted {
    std::vector<pk::field_id> fields;
    query_names redact;
};

// Times as text. A second's text is made once; a writer belongs to one worker.
class time_text {
public:
    struct parts {
        int year;
        unsigned month, day, hour, minute, second, millisecond;
    };

    static parts split(std::uint64_t unix_ns) {
        using namespace std::chrono;
        const sys_time<nanoseconds> at{nanoseconds(static_cast<std::int64_t>(unix_ns))};
        const auto day = floor<days>(at);
        const year_month_day date(day);
        const hh_mm_ss clock(floor<milliseconds>(at - day));
        return {static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()),
                static_cast<unsigned>(clock.hours().count()),
                static_cast<unsigned>(clock.minutes().count()),
                static_cast<unsigned>(clock.seconds().count()),
                static_cast<unsigned>(clock.subseconds().count())};
    }

    static void digits(std::string& out, unsigned n, int width) {
        char text[8];
        for (int i = width - 1; i >= 0; --i, n /= 10) text[i] = static_cast<char>('0' + n % 10);
        out.append(text, static_cast<std::size_t>(width));
    }

    // 2026-11-23T10:00:00.123Z
    void iso(std::string& out, std::uint64_t unix_ns) {
        const std::uint64_t second = unix_ns / 1'000'000'000;
        if (second != second_) {
            const parts p = split(unix_ns);
            text_.clear();
            digits(text_, static_cast<unsigned>(p.year), 4);
            digits(text_ += '-', p.month, 2);
            digits(text_ += '-', p.day, 2);
            digits(text_ += 'T', p.hour, 2);
            digits(text_ += ':', p.minute, 2);
            digits(text_ += ':', p.second, 2);
            second_ = second;
        }
        out.append(text_) += '.';
        digits(out, static_cast<unsigned>(unix_ns / 1'000'000 % 1000), 3);
        out += 'Z';
    }

    // 23/Nov/2026:10:00:00 +0000
    void common(std::string& out, std::uint64_t unix_ns) {
        const std::uint64_t second = unix_ns / 1'000'000'000;
        if (second != second_) {
            constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            const parts p = split(unix_ns);
            text_.clear();
            digits(text_, p.day, 2);
            text_.append("/").append(months.substr(3 * (p.month - 1), 3)) += '/';
            digits(text_, static_cast<unsigned>(p.year), 4);
            digits(text_ += ':', p.hour, 2);
            digits(text_ += ':', p.minute, 2);
            digits(text_ += ':', p.second, 2);
            text_ += " +0000";
            second_ = second;
        }
        out.append(text_);
    }

private:
    std::uint64_t second_ = ~std::uint64_t{0};
    std::string text_;
};

// Bytes of one log line, and memory for values that are put together first.
struct writer {
    std::string& out;
    std::string& scratch;
    time_text& time;
};

// All values of a field, ", " between; null data when it is not there. In `scratch`.
inline std::string_view value_of(std::string& scratch, const pk_record& r, const wanted& w,
                                 const pk::field_id& id) {
    scratch.clear();
    bool found = false;
    for (pk::field f : pk::field_list(r.request_fields)) {
        const bool same =
            id.number() == PK_FIELD_OTHER ? pk::same_token(f.name, id.name()) : f.id == id.number();
        if (!same) continue;
        if (found) scratch.append(", ");
        found = true;
        if (is_credential(id.name())) {
            scratch.append(redacted);
        } else if (id.number() == PK_FIELD_REFERER && !w.redact.empty()) {
            w.redact.append_url(scratch, f.value);
        } else {
            scratch.append(f.value);
        }
    }
    return found ? std::string_view(scratch) : std::string_view();
}

// Path and query with what is redacted; empty when there is no request. In `scratch`.
inline std::string_view target_of(std::string& scratch, const pk_record& r, const wanted& w) {
    scratch.assign(pk::view(r.request->path));
    if (r.request->has_query != 0) {
        scratch += '?';
        w.redact.append(scratch, pk::view(r.request->query));
    }
    return scratch;
}

// Milliseconds with three decimals, from nanoseconds.
inline void append_ms(std::string& out, std::uint64_t ns) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, ns / 1'000'000).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits)) += '.';
    time_text::digits(out, static_cast<unsigned>(ns / 1000 % 1000), 3);
}

inline void append_number(std::string& out, std::uint64_t n) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

}  // namespace access_log

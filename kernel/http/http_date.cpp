#include <cstring>

#include "kernel/http/writer.hpp"

namespace pkernel::http {

namespace {

struct civil {
    std::int64_t year;
    unsigned month;  // 1 to 12
    unsigned day;
};

// Days since 1970-01-01 in the Gregorian calendar, by eras of 400 years that begin on 1 March.
civil civil_from_days(std::int64_t days) noexcept {
    days += 719468;
    const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const auto day_of_era = static_cast<unsigned>(days - era * 146097);
    const unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const unsigned day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted = (5 * day_of_year + 2) / 153;
    const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
    const std::int64_t year = static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2);
    return {year, month, day_of_year - (153 * shifted + 2) / 5 + 1};
}

void two_digits(char* at, unsigned n) noexcept {
    at[0] = static_cast<char>('0' + n / 10 % 10);
    at[1] = static_cast<char>('0' + n % 10);
}

}  // namespace

void format_http_date(std::int64_t unix_seconds, char* out) noexcept {
    std::int64_t days = unix_seconds / 86400;
    auto rest = static_cast<int>(unix_seconds % 86400);
    if (rest < 0) {
        rest += 86400;
        --days;
    }
    const auto date = civil_from_days(days);
    const auto weekday = static_cast<std::size_t>(((days + 4) % 7 + 7) % 7);
    const auto year = static_cast<unsigned>(((date.year % 10000) + 10000) % 10000);
    const auto second_of_day = static_cast<unsigned>(rest);
    std::memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", 29);
    std::memcpy(out, &"SunMonTueWedThuFriSat"[weekday * 3], 3);
    two_digits(out + 5, date.day);
    std::memcpy(out + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(date.month - 1) * 3], 3);
    two_digits(out + 12, year / 100);
    two_digits(out + 14, year % 100);
    two_digits(out + 17, second_of_day / 3600);
    two_digits(out + 20, second_of_day / 60 % 60);
    two_digits(out + 23, second_of_day % 60);
}

}  // namespace pkernel::http

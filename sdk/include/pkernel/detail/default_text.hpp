// Writes the default of an option as one would write it in the config, from the initialiser of the
// settings' member. Runs in the compiler.

#pragma once

#include <pkernel/values.hpp>

namespace pk::detail {

struct default_text {
    char text[120] = {};
    std::uint64_t size = 0;

    constexpr void put(std::string_view s) {
        if (s.size() > sizeof text - size) throw "default too long to show: use .default_text()";
        for (char c : s) text[size++] = c;
    }

    constexpr void put_number(std::int64_t n) {
        if (n < 0) put("-");
        char digits[20] = {};
        int count = 0;
        auto rest = n < 0 ? ~static_cast<std::uint64_t>(n) + 1 : static_cast<std::uint64_t>(n);
        do {
            digits[count++] = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        while (count > 0) put({&digits[--count], 1});
    }
};

struct unit {
    std::int64_t factor;
    std::string_view name;
};
inline constexpr unit size_units[] = {
    {1LL << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}};
inline constexpr unit time_units[] = {{86'400'000'000'000, "d"},
                                      {3'600'000'000'000, "h"},
                                      {60'000'000'000, "m"},
                                      {1'000'000'000, "s"},
                                      {1'000'000, "ms"},
                                      {1'000, "us"},
                                      {1, "ns"}};

// In the largest unit that shows it whole; nothing in the smallest would read worse than "0s".
template <std::size_t N>
constexpr void put_with_unit(default_text& out, std::int64_t n, const unit (&units)[N],
                             std::string_view zero) {
    if (n == 0) return out.put(zero);
    for (const unit& u : units) {
        if (n % u.factor != 0) continue;
        out.put_number(n / u.factor);
        return out.put(u.name);
    }
}

template <std::uint32_t Type, class T>
constexpr void show_scalar(default_text& out, const T& value) {
    using std::chrono::nanoseconds;
    if constexpr (is_optional<T>) {
        if (value) show_scalar<Type>(out, *value);
    } else if constexpr (std::same_as<T, bool>) {
        out.put(value ? "true" : "false");
    } else if constexpr (Type == PK_OPT_SIZE) {
        put_with_unit(out, static_cast<std::int64_t>(value), size_units, "0B");
    } else if constexpr (number<T>) {
        out.put_number(static_cast<std::int64_t>(value));
    } else if constexpr (is_duration<T>) {
        const auto ns = std::chrono::duration_cast<nanoseconds>(value).count();
        put_with_unit(out, ns, time_units, "0s");
    } else if constexpr (std::same_as<T, rate_value>) {
        if (value.count == 0) return;
        out.put_number(value.count);
        out.put("/");
        if (value.period == std::chrono::seconds(1)) return out.put("s");
        put_with_unit(out, value.period.count(), time_units, "0s");
    } else if constexpr (textual<T>) {
        out.put(value);
    }  // Addresses, networks and files have no default but by .default_text().
}

}  // namespace pk::detail

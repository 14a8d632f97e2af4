// Classes of bytes in HTTP/1 (RFC 9110 5.6.2, RFC 3986), as one table.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pkernel::http {

enum character_class : std::uint8_t {
    char_token = 1,  // RFC 9110 5.6.2
    char_value = 2,  // May stand in a field value: no control byte but the tab.
    char_host = 4,   // Letters, digits, '-', '.', '_'.
    char_digit = 8,
    char_hex = 16
};

namespace detail {

constexpr bool contains(std::string_view all, char c) {
    return all.find(c) != std::string_view::npos;
}

constexpr std::array<std::uint8_t, 256> make_character_table() {
    std::array<std::uint8_t, 256> table{};
    for (int i = 0; i < 256; ++i) {
        const auto c = static_cast<char>(i);
        const bool digit = c >= '0' && c <= '9';
        const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        unsigned bits = 0;
        if (digit || alpha || (i < 128 && contains("!#$%&'*+-.^_`|~", c))) bits |= char_token;
        if ((i >= 0x20 && i != 0x7f) || c == '\t') bits |= char_value;
        if (digit || alpha || (i < 128 && contains("-._", c))) bits |= char_host;
        if (digit) bits |= char_digit;
        if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= char_hex;
        table[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(bits);
    }
    return table;
}

inline constexpr auto character_table = make_character_table();

}  // namespace detail

constexpr bool is_a(char c, character_class wanted) noexcept {
    return detail::character_table[static_cast<unsigned char>(c)] & wanted;
}

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The value of a digit of class char_hex.
constexpr unsigned hex_value(char c) noexcept {
    return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

// Without regard to ASCII case.
constexpr bool same_text(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

constexpr std::string_view trim_blanks(std::string_view s) noexcept {
    while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
    while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
    return s;
}

// Takes the next element of a comma list off `rest`, without blanks around it; it may be empty.
// Quoted strings are not known here: for lists of tokens only.
constexpr std::string_view next_element(std::string_view& rest) noexcept {
    const auto comma = rest.find(',');
    const auto element = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    return trim_blanks(element);
}

}  // namespace pkernel::http

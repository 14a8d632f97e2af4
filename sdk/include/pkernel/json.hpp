// Any bytes as a JSON string (RFC 8259): always valid, always one line, safe inside HTML.

#pragma once

#include <pkernel/text.hpp>

namespace pk {

// The length of the valid UTF-8 sequence at the front of `s`, or 0. Overlong forms, surrogates and
// what lies past U+10FFFF are not valid.
constexpr std::size_t utf8_length(std::string_view s) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned first = byte(0);
    std::size_t length = 0;
    unsigned low = 0x80, high = 0xbf;  // Bounds of the second byte.
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
    }
    if (length == 0 || s.size() < length || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    return length;
}

// Whether the byte stands for itself in a JSON string that may be put into HTML.
constexpr bool plain_json_byte(char c) noexcept {
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

// Appends the string with its quotes. Control bytes, <, > and & are written as \u00XX, U+2028 and
// U+2029 (line ends to JavaScript) as \u202X, and a byte that is not UTF-8 as U+FFFD.
template <class Out>
void append_json(Out& out, std::string_view s) {
    static constexpr char hex[] = "0123456789abcdef";
    const auto put = [&](std::string_view part) { out.append(part.data(), part.size()); };
    put("\"");
    while (!s.empty()) {
        std::size_t plain = 0;
        while (plain < s.size() && plain_json_byte(s[plain])) ++plain;
        put(s.substr(0, plain));
        s.remove_prefix(plain);
        if (s.empty()) break;
        const auto byte = static_cast<unsigned char>(s[0]);
        const std::size_t length = utf8_length(s);
        if (byte == '"' || byte == '\\') {
            const char escaped[] = {'\\', s[0]};
            put({escaped, 2});
        } else if (length <= 1 && byte < 0x80) {
            const char escaped[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
            put({escaped, 6});
        } else if (length == 0) {
            put("\\ufffd");
        } else if (s.starts_with("\xe2\x80\xa8") || s.starts_with("\xe2\x80\xa9")) {
            put(s[2] == '\xa8' ? "\\u2028" : "\\u2029");
        } else {
            put(s.substr(0, length));
        }
        s.remove_prefix(length == 0 ? 1 : length);
    }
    put("\"");
}

}  // namespace pk

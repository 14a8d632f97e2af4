// The parameters of a raw query, as conditions read them: split at '&' and the first '=', %XX
// decoded, '+' left alone. An escape that is none stands for itself.

#pragma once

#include <cstddef>
#include <string_view>

#include "kernel/http/characters.hpp"

namespace pkernel::route {

// Gives each decoded byte to `f` until that answers false; whether it never did.
template <class F>
constexpr bool each_decoded(std::string_view raw, F&& f) {
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i];
        if (c == '%' && raw.size() - i > 2 && http::is_a(raw[i + 1], http::char_hex) &&
            http::is_a(raw[i + 2], http::char_hex)) {
            c = static_cast<char>(http::hex_value(raw[i + 1]) * 16 + http::hex_value(raw[i + 2]));
            i += 2;
        }
        if (!f(c)) return false;
    }
    return true;
}

constexpr bool decodes_to(std::string_view raw, std::string_view text) {
    std::size_t at = 0;
    return each_decoded(raw, [&](char c) { return at < text.size() && text[at++] == c; }) &&
           at == text.size();
}

// Calls f(name, value) for each parameter, still encoded. Without '=' the value is empty.
template <class F>
constexpr void each_parameter(std::string_view query, F&& f) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto piece = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
        if (piece.empty()) continue;
        const auto equals = piece.find('=');
        const bool bare = equals == std::string_view::npos;
        f(piece.substr(0, equals), bare ? std::string_view() : piece.substr(equals + 1));
    }
}

}  // namespace pkernel::route

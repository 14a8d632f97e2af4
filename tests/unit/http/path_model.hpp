// The slow, plain reading of a path that read_path must agree with, and what makes it safe: that
// every second reading of the raw path is the same reading of the normal one.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkernel/abi/request.h"

namespace pkernel::http::test {

struct model_reading {
    std::string normal;
    unsigned flags = 0;

    bool operator==(const model_reading&) const = default;
};

using strings = std::vector<std::string>;

inline strings split(std::string_view text, std::string_view separator) {
    strings out;
    for (;;) {
        const auto at = text.find(separator);
        out.emplace_back(text.substr(0, at));
        if (at == text.npos) return out;
        text.remove_prefix(at + separator.size());
    }
}

inline std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
    const auto parts = split(text, from);
    std::string out = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) out.append(to).append(parts[i]);
    return out;
}

inline bool is_dots(std::string_view s) {
    return s == "." || s == "..";
}

// Decodes %XX once, but %2F and %25, which come out in upper case. Nothing on a bad escape or byte.
inline std::optional<std::string> decode(std::string_view raw, unsigned& flags) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto byte = static_cast<unsigned char>(raw[i]);
        if (byte <= 0x20 || byte == 0x7f || byte == '#' || byte == '?') return {};
        if (byte != '%') {
            out += raw[i];
            continue;
        }
        constexpr std::string_view digits = "0123456789abcdefABCDEF";
        const auto hex = raw.substr(i + 1, 2);
        if (hex.size() < 2 || hex.find_first_not_of(digits) != hex.npos) return {};
        const auto c = static_cast<char>(std::stoi(std::string(hex), nullptr, 16));
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return {};
        flags |= PK_PATH_ESCAPES;
        if (c == '/' || c == '\\') flags |= PK_PATH_ENCODED_SLASH;
        out += c == '/' ? "%2F" : c == '%' ? "%25" : std::string(1, c);
        i += 2;
    }
    return out;
}

inline std::optional<model_reading> model_read(std::string_view raw) {
    model_reading out;
    if (!raw.starts_with('/')) return {};
    const auto decoded = decode(raw, out.flags);
    if (!decoded) return {};
    if (raw.find("//") != raw.npos) out.flags |= PK_PATH_DOUBLE_SLASH;
    if (decoded->find('\\') != decoded->npos) out.flags |= PK_PATH_BACKSLASH;
    if (decoded->find(';') != decoded->npos) out.flags |= PK_PATH_PARAMS;

    strings kept;
    const auto segments = split(decoded->substr(1), "/");
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const std::string& segment = segments[i];
        const auto slashed = replace_all(replace_all(segment, "\\", "/"), "%2F", "/");
        if (is_dots(segment)) {
            out.flags |= PK_PATH_DOT_SEGMENTS;
            if (segment == "..") {
                if (kept.empty() || kept.back().empty() || kept.back()[0] == ';') return {};
                if (kept.back().find('\\') != std::string::npos) return {};
                if (kept.back().find("%2F") != std::string::npos) return {};
                kept.pop_back();
            }
            if (i + 1 == segments.size()) kept.emplace_back();
            continue;
        }
        for (const auto& piece : split(slashed, "/"))
            if (is_dots(piece.substr(0, piece.find(';')))) return {};
        kept.push_back(segment);
    }
    for (const auto& segment : kept) out.normal += "/" + segment;
    return out;
}

// What an origin may do to a path before it looks for dots.
enum origin_habits : unsigned {
    decodes_slash = 1,
    turns_backslash = 2,
    drops_params = 4,
    merges_slashes = 8,
    all_habits = 16
};

inline std::string read_by_habit(std::string path, unsigned habits) {
    if (habits & decodes_slash) path = replace_all(path, "%2F", "/");
    if (habits & turns_backslash) path = replace_all(path, "\\", "/");
    if (habits & drops_params) {
        std::string out;
        for (const auto& segment : split(path.substr(1), "/"))
            out += "/" + segment.substr(0, segment.find(';'));
        path = out;
    }
    while ((habits & merges_slashes) && path.find("//") != path.npos)
        path = replace_all(path, "//", "/");
    return path;
}

// RFC 3986 5.2.4. Nothing when it climbs above the root.
inline std::optional<std::string> resolve_dots(std::string_view path) {
    strings kept;
    const auto segments = split(path.substr(1), "/");
    for (std::size_t i = 0; i < segments.size(); ++i) {
        if (!is_dots(segments[i])) {
            kept.push_back(segments[i]);
            continue;
        }
        if (segments[i] == "..") {
            if (kept.empty()) return {};
            kept.pop_back();
        }
        if (i + 1 == segments.size()) kept.emplace_back();
    }
    std::string out;
    for (const auto& segment : kept) out += "/" + segment;
    return out;
}

// True when an origin of any habits sees, in the raw path, what it would see in `normal`.
inline bool is_sound(std::string_view raw, const std::string& normal) {
    unsigned flags = 0;
    const auto decoded = decode(raw, flags);
    if (!decoded) return false;
    for (unsigned habits = 0; habits < all_habits; ++habits)
        if (resolve_dots(read_by_habit(*decoded, habits)) != read_by_habit(normal, habits))
            return false;
    return true;
}

// A raw path with the given normal form.
inline std::string escape_again(std::string_view normal) {
    std::string out;
    for (const char c : normal)
        out += c == ' ' ? "%20" : c == '#' ? "%23" : c == '?' ? "%3F" : std::string(1, c);
    return out;
}

}  // namespace pkernel::http::test

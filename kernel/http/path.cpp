#include <array>

#include "kernel/http/characters.hpp"
#include "kernel/http/target.hpp"

// The reading of a path. A path may have second readings (an origin that merges slashes, decodes
// %2F, takes '\' for '/' or drops ";params"); matchers try them from the normal form. That is sound
// only if dot segments mean the same in each, so a path whose dots do not is refused here.

namespace pkernel::http {

namespace {

enum path_class : std::uint8_t {
    path_bad = 1,  // No byte of a path.
    path_percent = 2,
    path_backslash = 4,
    path_params = 8,
    path_dot = 16,
    path_slash = 32
};

constexpr auto classes = [] {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t c = 0; c < 256; ++c) table[c] = c <= 0x20 || c == 0x7f ? path_bad : 0;
    table['#'] = table['?'] = path_bad;
    table['%'] = path_percent;
    table['\\'] = path_backslash;
    table[';'] = path_params;
    table['.'] = path_dot;
    table['/'] = path_slash;
    return table;
}();

std::uint8_t class_of(char c) noexcept {
    return classes[static_cast<unsigned char>(c)];
}

// All classes that occur; path_dot and path_slash only where they follow a slash.
std::uint8_t survey(std::string_view raw) noexcept {
    constexpr std::uint8_t pairs = path_dot | path_slash;
    std::uint8_t seen = 0;
    std::uint8_t counted = static_cast<std::uint8_t>(~pairs);
    for (const char c : raw) {
        const std::uint8_t bits = class_of(c);
        seen |= bits & counted;
        counted = static_cast<std::uint8_t>(bits & path_slash ? 0xff : ~pairs);
    }
    return seen;
}

bool is_dots(std::string_view s) noexcept {
    return s == "." || s == "..";
}

// True when a slash of another reading stands at `at`; `width` is its size.
bool other_slash(std::string_view s, std::size_t at, std::size_t& width) noexcept {
    width = s[at] == '\\' ? 1 : 3;
    return s[at] == '\\' || s.substr(at, 3) == "%2F";
}

// True when `segment`, normal but no dot segment itself, has one in another reading.
bool hides_dots(std::string_view segment) noexcept {
    std::size_t from = 0;
    for (std::size_t at = 0; at <= segment.size();) {
        std::size_t width = 1;
        if (at < segment.size() && !other_slash(segment, at, width)) {
            ++at;
            continue;
        }
        const auto piece = segment.substr(from, at - from);
        if (is_dots(piece.substr(0, piece.find(';')))) return true;
        from = at += width;
    }
    return false;
}

// True when `segment` is one segment in every reading, so that ".." may take it away.
bool is_one_segment(std::string_view segment) noexcept {
    if (segment.empty() || segment[0] == ';') return false;
    for (std::size_t at = 0, width = 0; at < segment.size(); ++at)
        if (other_slash(segment, at, width)) return false;
    return true;
}

// Writes the normal form of a path, segment by segment, into as many bytes as the raw one has.
class normaliser {
public:
    explicit normaliser(char* out) noexcept : out_(out) {}

    bool read(std::string_view raw) noexcept {
        for (std::size_t at = 0; at < raw.size();) {
            const auto slash = raw.find('/', at + 1);
            const auto end = slash == raw.npos ? raw.size() : slash;
            if (!read_segment(raw.substr(at + 1, end - at - 1), slash == raw.npos)) return false;
            at = end;
        }
        return true;
    }

    std::string_view text() const noexcept { return {out_, size_}; }
    std::uint32_t flags() const noexcept { return flags_; }

private:
    bool read_segment(std::string_view raw, bool last) noexcept {
        const auto slash = size_;
        out_[size_++] = '/';
        if (!decode(raw)) return false;
        const std::string_view segment(out_ + slash + 1, size_ - slash - 1);
        if (!is_dots(segment)) return !hides_dots(segment);
        flags_ |= PK_PATH_DOT_SEGMENTS;
        size_ = slash;
        if (segment.size() == 2 && !take_back()) return false;
        if (last) out_[size_++] = '/';
        return true;
    }

    // Removes the segment that ".." leaves.
    bool take_back() noexcept {
        const auto slash = text().rfind('/');
        if (slash == std::string_view::npos || !is_one_segment(text().substr(slash + 1)))
            return false;
        size_ = slash;
        return true;
    }

    bool decode(std::string_view raw) noexcept {
        for (std::size_t i = 0; i < raw.size(); ++i) {
            char c = raw[i];
            if (c == '%') {
                if (i + 2 >= raw.size() || !is_a(raw[i + 1], char_hex) ||
                    !is_a(raw[i + 2], char_hex))
                    return false;
                flags_ |= PK_PATH_ESCAPES;
                c = static_cast<char>(hex_value(raw[i + 1]) << 4 | hex_value(raw[i + 2]));
                i += 2;
                if (!put_decoded(c)) return false;
            } else {
                out_[size_++] = c;
            }
            if (c == '\\') flags_ |= PK_PATH_BACKSLASH;
            if (c == ';') flags_ |= PK_PATH_PARAMS;
        }
        return true;
    }

    bool put_decoded(char c) noexcept {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) return false;
        if (c == '/' || c == '\\') flags_ |= PK_PATH_ENCODED_SLASH;
        if (c == '/' || c == '%') {
            out_[size_++] = '%';
            out_[size_++] = '2';
            c = c == '/' ? 'F' : '5';
        }
        out_[size_++] = c;
        return true;
    }

    char* const out_;
    std::size_t size_ = 0;
    std::uint32_t flags_ = 0;
};

}  // namespace

bool read_path(std::string_view raw, base::arena& arena, path_reading& out) {
    if (raw.empty() || raw[0] != '/') return false;
    const auto seen = survey(raw);
    if (seen & path_bad) return false;
    out.normal = raw;
    out.flags = 0;
    if (seen & (path_percent | path_dot | path_backslash)) {
        normaliser n(static_cast<char*>(arena.allocate(raw.size(), 1)));
        if (!n.read(raw)) return false;
        out.flags = n.flags();
        if (n.text() != raw) out.normal = n.text();
    }
    if (seen & path_params) out.flags |= PK_PATH_PARAMS;
    if (seen & path_slash) out.flags |= PK_PATH_DOUBLE_SLASH;
    return true;
}

}  // namespace pkernel::http

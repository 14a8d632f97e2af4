// The way that a request says it has come: X-Forwarded-For or Forwarded, read from the right.
//
// Only the right end can be believed: each proxy appends who it talked to, so what stands left of
// the first one that is not ours was written by a stranger. Reading stops there, and at the first
// element that cannot be understood, whatever comes before it.

#pragma once

#include <pkernel/address.hpp>
#include <pkernel/fields.hpp>

#include <array>
#include <optional>

namespace forwarded {

inline constexpr std::size_t lines_max = 16;  // Fields of one name; more are cut on the left.
inline constexpr std::size_t hops_max = 32;

struct hop {
    pk_address address;
    std::string_view text;  // The element as it came.
};

// A host with or without port, IPv6 in brackets or bare: "192.0.2.1:80", "[::1]:80", "::1".
inline bool parse_node(std::string_view text, pk_address& out) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return false;
        const std::string_view rest = text.substr(close + 1);
        if (!rest.empty() && rest[0] != ':') return false;
        return pk::parse_ip(text.substr(1, close - 1), out) && out.family == 6;
    }
    const auto colon = text.find(':');
    const bool with_port = colon != std::string_view::npos && text.rfind(':') == colon;
    return pk::parse_ip(with_port ? text.substr(0, colon) : text, out);
}

constexpr bool is_token_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Takes one `name=value` of RFC 7239 from the front of `rest`. False: it is not one.
inline bool take_pair(std::string_view& rest, std::string_view& name, std::string_view& value) {
    std::size_t at = 0;
    while (at < rest.size() && is_token_byte(rest[at])) ++at;
    if (at == 0 || at == rest.size() || rest[at] != '=') return false;
    name = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    at = 0;
    if (rest.starts_with('"')) {
        for (at = 1; at < rest.size() && rest[at] != '"'; ++at) {
            if (rest[at] == '\\') ++at;
        }
        if (at >= rest.size()) return false;
        value = rest.substr(1, at - 1);
        rest.remove_prefix(at + 1);
        return true;
    }
    while (at < rest.size() && is_token_byte(rest[at])) ++at;
    value = rest.substr(0, at);
    rest.remove_prefix(at);
    return at > 0;
}

// One element of Forwarded, `for=192.0.2.1;proto=http`. False: malformed, or without an address.
inline bool parse_element(std::string_view text, pk_address& out) {
    bool found = false;
    std::string_view name, value;
    while (true) {
        if (!take_pair(text, name, value)) return false;
        if (pk::same_token(name, "for")) {
            if (found || !parse_node(value, out)) return false;
            found = true;
        }
        if (text.empty()) return found;
        if (text[0] != ';') return false;
        text.remove_prefix(1);
    }
}

// All lines of one name as one list, from its right end.
class from_right {
public:
    explicit from_right(pk::fields_of_name fields) {
        for (pk::field f : fields) lines_[end_++ % lines_max] = f.value;
        begin_ = end_ > lines_max ? end_ - lines_max : 0;
    }

    // The next address to the left, or nothing at the end or where the list makes no sense.
    std::optional<hop> next(bool as_forwarded) {
        while (begin_ < end_ && pk::trimmed(last()).empty()) --end_;
        if (begin_ == end_) return std::nullopt;
        const std::string_view line = last();
        std::size_t comma = line.size();
        // A comma may stand inside quotes. Of the candidates the shortest well-formed one is taken:
        // no end of a quoted string is well-formed, since its quotes are escaped.
        for (int tries = as_forwarded ? tries_max : 1; tries > 0; --tries) {
            comma = comma == 0 ? std::string_view::npos : line.rfind(',', comma - 1);
            const bool whole = comma == std::string_view::npos;
            hop h;
            h.text = pk::trimmed(whole ? line : line.substr(comma + 1));
            if (as_forwarded ? parse_element(h.text, h.address) : parse_node(h.text, h.address)) {
                last() = whole ? std::string_view() : line.substr(0, comma);
                return h;
            }
            if (whole) break;
        }
        return std::nullopt;
    }

private:
    static constexpr int tries_max = 64;

    std::string_view& last() { return lines_[(end_ - 1) % lines_max]; }

    std::array<std::string_view, lines_max> lines_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace forwarded

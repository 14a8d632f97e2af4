// IP addresses: reading, writing and matching them against networks, without the heap.

#pragma once

#include <arpa/inet.h>

#include <pkernel/text.hpp>

namespace pk {

// An IPv4 client on a dual-stack socket is ::ffff:a.b.c.d there; this gives its IPv4 form, so
// that rules need only one. Other addresses are given back as they are.
inline pk_address unmapped(const pk_address& a) noexcept {
    static constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (a.family != 6 || std::memcmp(a.bytes, prefix, sizeof prefix) != 0) return a;
    pk_address v4{};
    v4.family = 4;
    v4.port = a.port;
    std::memcpy(v4.bytes, a.bytes + 12, 4);
    return v4;
}

inline bool same_ip(const pk_address& left, const pk_address& right) noexcept {
    const pk_address a = unmapped(left), b = unmapped(right);
    return a.family == b.family && std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

namespace detail {

inline char* put_octet(char* at, unsigned n) noexcept {
    if (n >= 100) *at++ = static_cast<char>('0' + n / 100);
    if (n >= 10) *at++ = static_cast<char>('0' + n / 10 % 10);
    *at++ = static_cast<char>('0' + n % 10);
    return at;
}

}  // namespace detail

// The address without its port: "192.0.2.1", "2001:db8::1". Empty for none, "unix" for a socket.
inline fixed_text<48> ip_text(const pk_address& address) noexcept {
    fixed_text<48> out;
    const pk_address a = unmapped(address);
    if (a.family == 4) {
        char text[16];
        char* at = detail::put_octet(text, a.bytes[0]);
        for (int i = 1; i < 4; ++i) {
            *at++ = '.';
            at = detail::put_octet(at, a.bytes[i]);
        }
        out << std::string_view(text, static_cast<std::size_t>(at - text));
    } else if (a.family == 6) {
        char text[INET6_ADDRSTRLEN] = "";
        inet_ntop(AF_INET6, a.bytes, text, sizeof text);
        out << std::string_view(text);
    } else if (a.family == 1) {
        out << "unix";
    }
    return out;
}

// Reads one plain IP address; no port, no brackets, no zone. False: it is not one.
inline bool parse_ip(std::string_view text, pk_address& out) noexcept {
    char copy[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof copy) return false;
    if (text.find('\0') != std::string_view::npos) return false;
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    out = {};
    out.family = text.find(':') == std::string_view::npos ? 4 : 6;
    return inet_pton(out.family == 4 ? AF_INET : AF_INET6, copy, out.bytes) == 1;
}

// An address range such as 10.0.0.0/8. Value of a `cidr` option.
struct network {
    pk_address base{};

    bool contains(const pk_address& address) const noexcept {
        const pk_address a = unmapped(address);
        if (a.family != base.family || (a.family != 4 && a.family != 6)) return false;
        const std::uint32_t whole = base.prefix / 8, rest = base.prefix % 8;
        if (std::memcmp(a.bytes, base.bytes, whole) != 0) return false;
        if (rest == 0) return true;
        const auto mask = static_cast<std::uint8_t>(0xff00u >> rest);
        return ((a.bytes[whole] ^ base.bytes[whole]) & mask) == 0;
    }
};

// Value of an `address` option: the address, and its text as it stood in the config.
struct socket_address {
    pk_address address{};
    std::string_view text;
};

}  // namespace pk

#include "handshake.hpp"

#include <bit>

namespace websocket {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_text(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

// "host[:port]" of an origin; empty when it is none, as "null".
std::string_view host_and_port(std::string_view origin) noexcept {
    const auto at = origin.find("://");
    return at == origin.npos ? std::string_view() : origin.substr(at + 3);
}

// Of a scheme of the web; empty for others.
std::string_view default_port(std::string_view scheme) noexcept {
    if (same_text(scheme, "https")) return ":443";
    return same_text(scheme, "http") ? ":80" : "";
}

std::string_view scheme_of(std::string_view origin) noexcept {
    return origin.substr(0, origin.find(':'));
}

// Hosts with ports, of one scheme.
bool same_place(std::string_view a, std::string_view b, std::string_view scheme) noexcept {
    const auto port = default_port(scheme);
    if (a.ends_with(port)) a.remove_suffix(port.size());
    if (b.ends_with(port)) b.remove_suffix(port.size());
    return same_text(a, b);
}

bool same_origin(std::string_view a, std::string_view b) noexcept {
    return same_text(scheme_of(a), scheme_of(b)) &&
           same_place(host_and_port(a), host_and_port(b), scheme_of(a));
}

// That a page of `origin` is of the server that is asked.
bool is_of(std::string_view origin, const asked& here) noexcept {
    const auto scheme = scheme_of(origin);
    const bool fits =
        same_text(scheme, "https") || (same_text(scheme, "http") && same_text(here.scheme, "http"));
    return fits && same_place(host_and_port(origin), here.authority, scheme);
}

std::string_view without_port(std::string_view host) noexcept {
    const auto colon = host.rfind(':');
    return colon == host.npos || host.ends_with(']') ? host : host.substr(0, colon);
}

void digest_block(std::array<std::uint32_t, 5>& h, const unsigned char* p) noexcept {
    std::uint32_t w[80];
    for (int i = 0; i < 16; ++i, p += 4)
        w[i] =
            std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
    for (int i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    auto [a, b, c, d, e] = h;
    for (int i = 0; i < 80; ++i) {
        const std::uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999u
                                : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1u
                                : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu
                                         : (b ^ c ^ d) + 0xca62c1d6u;
        const std::uint32_t t = std::rotl(a, 5) + f + e + w[i];
        e = d, d = c, c = std::rotl(b, 30), b = a, a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

}  // namespace

// RFC 3174. The handshake asks for it as a proof of reading, not as a secret's guard.
std::array<unsigned char, 20> sha1(std::string_view bytes) noexcept {
    std::array<std::uint32_t, 5> h{0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
    unsigned char block[64] = {};
    std::size_t n = 0;
    for (const char c : bytes) {
        block[n++] = static_cast<unsigned char>(c);
        if (n == 64) digest_block(h, block), n = 0;
    }
    block[n++] = 0x80;
    for (bool room = n <= 56;; room = true) {
        while (n < (room ? 56u : 64u)) block[n++] = 0;
        if (room) break;
        digest_block(h, block), n = 0;
    }
    for (int i = 0; i < 8; ++i) block[56 + i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
    digest_block(h, block);
    std::array<unsigned char, 20> out;
    for (std::size_t i = 0; i < 20; ++i)
        out[i] = static_cast<unsigned char>(h[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

std::string base64(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t at) {
            return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u;
        };
        const std::uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        for (unsigned k = 0; k < 4; ++k)
            out += i + k > bytes.size() ? '=' : alphabet[three >> (18 - 6 * k) & 63];
    }
    return out;
}

bool is_key(std::string_view text) noexcept {
    if (text.size() != 24 || !text.ends_with("==")) return false;
    for (const char c : text.substr(0, 22))
        if (alphabet.find(c) == alphabet.npos) return false;
    return (alphabet.find(text[21]) & 15) == 0;  // 16 bytes end in the middle of a letter.
}

std::string accept_of(std::string_view key) {
    const auto digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool lists(std::string_view list, std::string_view wanted) noexcept {
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        auto one = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
        while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
        if (one == wanted) return true;
    }
    return false;
}

bool is_origin_entry(std::string_view entry) noexcept {
    if (entry == "same") return true;
    // Browsers send the names of other scripts as xn--.
    for (const char c : entry)
        if (c <= ' ' || c > '~') return false;
    if (entry.starts_with("*.")) return entry.size() > 2 && entry.find('/') == entry.npos;
    const auto host = host_and_port(entry);
    return !host.empty() && host.find('/') == host.npos;
}

bool allows(std::string_view entry, std::string_view origin, const asked& here) noexcept {
    const auto host = host_and_port(origin);
    if (host.empty()) return false;
    if (entry == "same") return is_of(origin, here);
    if (!entry.starts_with("*.")) return same_origin(entry, origin);
    const auto name = without_port(host), below = entry.substr(1);
    return name.size() > below.size() && same_text(name.substr(name.size() - below.size()), below);
}

}  // namespace websocket

#include <arpa/inet.h>

#include <algorithm>

#include "kernel/http/characters.hpp"
#include "kernel/http/target.hpp"

namespace pkernel::http {

namespace {

constexpr std::size_t host_max = 255;

bool read_port(std::string_view text, std::uint32_t& port) noexcept {
    if (text.empty() || text.size() > 5) return false;
    std::uint32_t n = 0;
    for (const char c : text) {
        if (!is_a(c, char_digit)) return false;
        n = n * 10 + static_cast<std::uint32_t>(c - '0');
    }
    port = n;
    return n >= 1 && n <= 65535;
}

bool is_ipv6(std::string_view text) noexcept {
    char terminated[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof(terminated)) return false;
    *std::copy(text.begin(), text.end(), terminated) = '\0';
    in6_addr address;
    return text.find('\0') == text.npos && inet_pton(AF_INET6, terminated, &address) == 1;
}

// Labels of host characters, none of them empty.
bool is_name(std::string_view host) noexcept {
    char before = '.';
    for (const char c : host) {
        if (!is_a(c, char_host) || (c == '.' && before == '.')) return false;
        before = c;
    }
    return before != '.';
}

std::string_view in_lower_case(std::string_view host, base::arena& arena) {
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::none_of(host.begin(), host.end(), is_upper)) return host;
    auto* to = static_cast<char*>(arena.allocate(host.size(), 1));
    std::transform(host.begin(), host.end(), to, lower);
    return {to, host.size()};
}

}  // namespace

bool read_authority(std::string_view text, base::arena& arena, std::string_view& host,
                    std::uint32_t& port) {
    port = 0;
    const bool bracketed = !text.empty() && text[0] == '[';
    const auto host_end = bracketed ? text.find(']') : text.find(':');
    if (bracketed && host_end == text.npos) return false;
    auto name = text.substr(bracketed, host_end - bracketed);
    const auto behind =
        host_end == text.npos ? std::string_view() : text.substr(host_end + bracketed);
    if (!behind.empty() && (behind[0] != ':' || !read_port(behind.substr(1), port))) return false;
    if (!bracketed && !name.empty() && name.back() == '.') name.remove_suffix(1);
    if (name.empty() || name.size() > host_max) return false;
    if (!(bracketed ? is_ipv6(name) : is_name(name))) return false;
    host = in_lower_case(name, arena);
    return true;
}

}  // namespace pkernel::http

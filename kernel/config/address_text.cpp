#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "kernel/config/scalar.hpp"

namespace pkernel::config {

namespace {

constexpr std::size_t unix_path_max = sizeof(sockaddr_un::sun_path) - 1;

// Takes "host:port" apart; the host of "[::1]:80" comes without brackets.
struct host_port {
    bool ok = false;
    std::string_view host;
    int port = -1;
    bool brackets = false;
};

host_port split(std::string_view text) {
    host_port out;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || text.substr(end + 1, 1) != ":") return out;
        out.host = text.substr(1, end - 1);
        out.port = parse_port(text.substr(end + 2));
        out.brackets = true;
    } else {
        const std::size_t colon = text.rfind(':');
        if (colon == std::string_view::npos) return out;
        out.host = text.substr(0, colon);
        out.port = parse_port(text.substr(colon + 1));
    }
    out.ok = out.port >= 0;
    return out;
}

address_text unix_address(std::string_view path) {
    address_text out;
    out.remedy =
        "unix:/path with an absolute path of at most " + std::to_string(unix_path_max) + " bytes";
    if (!path.starts_with('/') || path.size() > unix_path_max ||
        path.find('\0') != std::string_view::npos) {
        return out;
    }
    out.ok = true;
    out.value.family = 1;
    out.canonical = "unix:" + std::string(path);
    return out;
}

std::string with_port(const pk_address& ip) {
    const std::string host = ip_text(ip);
    const std::string port = std::to_string(ip.port);
    return ip.family == 6 ? '[' + host + "]:" + port : host + ':' + port;
}

// Clears the bits behind the prefix; false when they were clear.
bool mask(pk_address& ip) {
    bool changed = false;
    const std::size_t bytes = ip.family == 4 ? 4 : 16;
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::size_t kept = std::clamp<std::size_t>(ip.prefix, i * 8, i * 8 + 8) - i * 8;
        const auto wanted = static_cast<std::uint8_t>(ip.bytes[i] & (0xff00 >> kept));
        changed = changed || wanted != ip.bytes[i];
        ip.bytes[i] = wanted;
    }
    return changed;
}

}  // namespace

int parse_port(std::string_view text) {
    const number_text port = parse_integer(text);
    return port.ok && port.value >= 0 && port.value <= 65535 ? static_cast<int>(port.value) : -1;
}

pk_address parse_ip(std::string_view text) {
    pk_address out{};
    if (text.size() >= INET6_ADDRSTRLEN) return out;
    char terminated[INET6_ADDRSTRLEN] = {};
    std::copy(text.begin(), text.end(), terminated);
    if (std::strlen(terminated) != text.size()) return out;
    if (inet_pton(AF_INET, terminated, out.bytes) == 1) {
        out.family = 4;
    } else if (inet_pton(AF_INET6, terminated, out.bytes) == 1) {
        out.family = 6;
    }
    return out;
}

std::string ip_text(const pk_address& ip) {
    char text[INET6_ADDRSTRLEN] = {};
    if (ip.family != 4 && ip.family != 6) return {};
    inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.bytes, text, sizeof text);
    return text;
}

address_text parse_address(std::string_view text) {
    if (text.starts_with("unix:")) return unix_address(text.substr(5));
    address_text out;
    out.remedy = "something like 127.0.0.1:8080, [::1]:8080 or unix:/path";
    const host_port parts = split(text);
    const pk_address ip = parse_ip(parts.ok ? parts.host : text);
    if (ip.family == 0) {
        // "::1" itself looks like a host and a port.
        if (parse_ip(text).family == 6) out.remedy = '[' + std::string(text) + "]:80";
        return out;
    }
    if (!parts.ok && ip.family == 4) out.remedy = std::string(text) + ":80";
    if (ip.family == 6 && !parts.brackets) {
        out.remedy = parts.ok ? '[' + std::string(parts.host) + "]:" + std::to_string(parts.port)
                              : '[' + std::string(text) + "]:80";
        return out;
    }
    if (!parts.ok || (ip.family == 4 && parts.brackets)) return out;
    out.ok = true;
    out.value = ip;
    out.value.port = static_cast<std::uint32_t>(parts.port);
    out.canonical = with_port(out.value);
    return out;
}

address_text parse_cidr(std::string_view text) {
    address_text out;
    out.remedy = "something like 10.0.0.0/8 or ::1";
    const std::size_t slash = text.find('/');
    out.value = parse_ip(text.substr(0, slash));
    if (out.value.family == 0) return out;
    const std::uint32_t bits = out.value.family == 4 ? 32 : 128;
    out.value.prefix = bits;
    if (slash != std::string_view::npos) {
        const number_text prefix = parse_integer(text.substr(slash + 1));
        if (!prefix.ok || prefix.value < 0 || prefix.value > bits) {
            out.remedy = "a prefix of 0 to " + std::to_string(bits);
            return out;
        }
        out.value.prefix = static_cast<std::uint32_t>(prefix.value);
    }
    const bool host_bits = mask(out.value);
    out.canonical = ip_text(out.value) + '/' + std::to_string(out.value.prefix);
    out.ok = !host_bits;
    if (host_bits) out.remedy = out.canonical;
    return out;
}

}  // namespace pkernel::config

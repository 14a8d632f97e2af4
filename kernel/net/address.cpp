#include "kernel/net/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "kernel/net/socket.hpp"

namespace pkernel::net {
namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

socket_address unix_address(const std::string& path) noexcept {
    socket_address out;
    auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, path.data(), path.size());
    out.size = static_cast<socklen_t>(path_offset + path.size() + 1);
    return out;
}

socket_address ip_address(std::uint32_t family, const void* bytes, std::uint32_t port) noexcept {
    pk_address ip{};
    ip.family = family;
    ip.port = port;
    std::memcpy(ip.bytes, bytes, family == 4 ? 4 : 16);
    return to_socket_address(ip);
}

}  // namespace

std::uint16_t socket_address::port() const noexcept {
    if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
    if (family() == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
    return 0;
}

void socket_address::set_port(std::uint16_t port) noexcept {
    if (family() == AF_INET) reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
    if (family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
}

socket_address to_socket_address(const pk_address& ip) noexcept {
    socket_address out;
    if (ip.family == 4) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
        v4.sin_family = AF_INET;
        std::memcpy(&v4.sin_addr, ip.bytes, 4);
        out.size = sizeof v4;
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
        v6.sin6_family = AF_INET6;
        std::memcpy(&v6.sin6_addr, ip.bytes, 16);
        out.size = sizeof v6;
    }
    out.set_port(static_cast<std::uint16_t>(ip.port));
    return out;
}

std::vector<socket_address> addresses_of(const config::address& of) {
    const in_addr loopback4{htonl(INADDR_LOOPBACK)};
    switch (of.kind) {
        case config::address_kind::any:
            return {ip_address(6, &in6addr_any, of.port)};
        case config::address_kind::ip: {
            socket_address out = to_socket_address(of.ip);
            out.set_port(of.port);
            return {out};
        }
        case config::address_kind::unix_socket:
            if (of.host.empty() || of.host.size() > unix_path_bytes_max) return {};
            return {unix_address(of.host)};
        case config::address_kind::name:
            if (of.host != "localhost") return {};
            return {ip_address(4, &loopback4, of.port), ip_address(6, &in6addr_loopback, of.port)};
    }
    return {};
}

std::string to_text(const socket_address& address) {
    if (address.family() == AF_UNIX) {
        const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
        if (address.size <= path_offset) return "unix:";
        return "unix:" +
               std::string(un.sun_path, ::strnlen(un.sun_path, address.size - path_offset));
    }
    return to_text(to_pk_address(address.storage));
}

std::string host_text(const pk_address& ip) {
    char text[INET6_ADDRSTRLEN] = "";
    if (ip.family != 4 && ip.family != 6) return {};
    ::inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.bytes, text, sizeof text);
    return text;
}

std::string to_text(const pk_address& ip) {
    switch (ip.family) {
        case 4:
            return host_text(ip) + ':' + std::to_string(ip.port);
        case 6:
            return '[' + host_text(ip) + "]:" + std::to_string(ip.port);
        case 1:
            return "unix:";
        default:
            return {};
    }
}

}  // namespace pkernel::net

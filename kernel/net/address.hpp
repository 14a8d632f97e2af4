// Addresses as the system takes them, and as people read them. Pure.

#pragma once

#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernel/config/model.hpp"
#include "pkernel/abi/base.h"

namespace pkernel::net {

struct socket_address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    int family() const noexcept { return storage.ss_family; }
    std::uint16_t port() const noexcept;  // Host order; 0 for a unix socket.
    void set_port(std::uint16_t port) noexcept;
    bool operator==(const socket_address& o) const noexcept {
        return size == o.size && std::memcmp(&storage, &o.storage, size) == 0;
    }
};

// Longest path of a unix socket.
inline constexpr std::size_t unix_path_bytes_max = 107;

// Requires family 4 or 6.
socket_address to_socket_address(const pk_address& ip) noexcept;

// What to try, in this order. "any" is [::]; the name localhost is 127.0.0.1, then ::1. Empty: no
// other name is resolved here, and a unix path may be too long.
std::vector<socket_address> addresses_of(const config::address& of);

// "127.0.0.1:80", "[::1]:80", "unix:/path" ("unix:" when it has none). An IPv4 address mapped into
// IPv6 reads as IPv4.
std::string to_text(const socket_address& address);
std::string host_text(const pk_address& ip);  // Without one, and without brackets.
std::string to_text(const pk_address& ip);    // With its port; "" for family 0.

}  // namespace pkernel::net

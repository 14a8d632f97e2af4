#include "kernel/upstream/endpoint.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

#include "kernel/http/fields.hpp"

namespace pkernel::upstream {

namespace {

std::atomic<std::uint64_t> versions{0};

socket_address of_ip(const pk_address& ip) {
    socket_address out;
    if (ip.family == 4) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(static_cast<std::uint16_t>(ip.port));
        std::memcpy(&v4.sin_addr, ip.bytes, 4);
        out.size = sizeof v4;
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(static_cast<std::uint16_t>(ip.port));
        std::memcpy(&v6.sin6_addr, ip.bytes, 16);
        out.size = sizeof v6;
    }
    return out;
}

std::vector<socket_address> of_unix(const std::string& path, std::string& why) {
    socket_address out;
    auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
    if (path.size() >= sizeof un.sun_path) {
        why = "a unix socket's path has at most 107 bytes";
        return {};
    }
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, path.c_str(), path.size() + 1);
    out.size = static_cast<socklen_t>(sizeof un);
    return {out};
}

std::vector<socket_address> of_name(const std::string& name, std::uint16_t port, std::string& why) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int rc = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (rc != 0) {
        why = ::gai_strerror(rc);
        return {};
    }
    std::vector<socket_address> out;
    for (const addrinfo* a = found; a; a = a->ai_next) {
        socket_address one;
        std::memcpy(&one.storage, a->ai_addr, a->ai_addrlen);
        one.size = a->ai_addrlen;
        out.push_back(one);
    }
    ::freeaddrinfo(found);
    return out;
}

}  // namespace

std::vector<socket_address> resolve(const config::address& address, std::string& why) {
    switch (address.kind) {
        case config::address_kind::ip: {
            pk_address ip = address.ip;
            ip.port = address.port;
            return {of_ip(ip)};
        }
        case config::address_kind::any: {
            pk_address loopback{};
            loopback.family = 4;
            loopback.port = address.port;
            const std::uint8_t home[4] = {127, 0, 0, 1};
            std::memcpy(loopback.bytes, home, sizeof home);
            return {of_ip(loopback)};
        }
        case config::address_kind::unix_socket: return of_unix(address.host, why);
        case config::address_kind::name: return of_name(address.host, address.port, why);
    }
    return {};
}

void publish(upstream& u) {
    u.abi_endpoints.clear();
    for (endpoint& e : u.endpoints) {
        pk_endpoint out{};
        out.address = http::to_str(e.key.address);
        out.weight = e.weight;
        out.flags = e.backup ? static_cast<std::uint32_t>(PK_ENDPOINT_BACKUP) : 0u;
        out.shared = &e.shared->abi;
        u.abi_endpoints.push_back(out);
        u.any_backup = u.any_backup || e.backup;
    }
    u.snapshot.size = sizeof u.snapshot;
    u.snapshot.count = static_cast<std::uint32_t>(u.abi_endpoints.size());
    u.snapshot.stride = sizeof(pk_endpoint);
    u.snapshot.first = u.abi_endpoints.data();
    u.snapshot.version = ++versions;
}

}  // namespace pkernel::upstream

#include "kernel/net/pacing.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <string_view>

namespace pkernel::net {
namespace {

using namespace std::string_view_literals;

// Of all that Linux has, these pace by themselves.
bool paces(std::string_view algorithm) noexcept {
    return algorithm.starts_with("bbr"sv);
}

// What a new socket gets; sysctl net.ipv4.tcp_congestion_control, read once.
bool system_paces(int fd) noexcept {
    static const bool yes = [fd] {
        char name[16] = {};  // TCP_CA_NAME_MAX
        socklen_t size = sizeof name - 1;
        return ::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 && paces(name);
    }();
    return yes;
}

}  // namespace

bool is_loopback(const sockaddr* a) noexcept {
    if (a->sa_family == AF_INET)
        return ntohl(reinterpret_cast<const sockaddr_in*>(a)->sin_addr.s_addr) >> 24 == 127;
    if (a->sa_family != AF_INET6) return false;
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

void no_pacing_on_loopback(int fd, const sockaddr* at) noexcept {
    if (!is_loopback(at) || !system_paces(fd)) return;
    constexpr auto algorithm = "reno"sv;  // In every Linux, and allowed to every user.
    ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm.data(), algorithm.size());
}

}  // namespace pkernel::net

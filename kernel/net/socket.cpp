#include "kernel/net/socket.hpp"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernel/net/pacing.hpp"

namespace pkernel::net {

namespace {

io_result failure() noexcept {
    const bool again = errno == EAGAIN || errno == EWOULDBLOCK;
    return {again ? io_status::would_block : io_status::failed, 0};
}

}  // namespace

io_result receive(int fd, char* at, std::size_t size) noexcept {
    for (;;) {
        const ssize_t n = ::recv(fd, at, size, 0);
        if (n > 0) return {io_status::done, static_cast<std::size_t>(n)};
        if (n == 0) return {io_status::end, 0};
        if (errno != EINTR) return failure();
    }
}

io_result send_some(int fd, const iovec* parts, int count, bool more) noexcept {
    const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    for (;;) {
        ssize_t n;
        if (count == 1) {
            n = ::send(fd, parts->iov_base, parts->iov_len, flags);
        } else {
            msghdr m{};
            m.msg_iov = const_cast<iovec*>(parts);
            m.msg_iovlen = static_cast<std::size_t>(count);
            n = ::sendmsg(fd, &m, flags);
        }
        if (n >= 0) return {io_status::done, static_cast<std::size_t>(n)};
        if (errno != EINTR) return failure();
    }
}

void set_no_delay(int fd) noexcept {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void close_with_reset(int fd) noexcept {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
}

std::size_t undelivered(int fd) noexcept {
    int n = 0;
    return ::ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0 ? static_cast<std::size_t>(n) : 0;
}

bool is_stale(int fd) noexcept {
    char c;
    const ssize_t n = ::recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

int connect_to(const sockaddr* to, socklen_t size, bool* done) noexcept {
    const int fd = ::socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (to->sa_family != AF_UNIX) set_no_delay(fd);
    no_pacing_on_loopback(fd, to);
    *done = ::connect(fd, to, size) == 0;
    if (*done || errno == EINPROGRESS || errno == EINTR) return fd;
    const int why = errno;
    ::close(fd);
    errno = why;
    return -1;
}

int connect_error(int fd) noexcept {
    int why = 0;
    socklen_t size = sizeof why;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0) return errno;
    return why;
}

bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
           error == ENOSPC;
}

pk_address to_pk_address(const sockaddr_storage& from) noexcept {
    pk_address out{};
    if (from.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
        out.family = 4;
        out.port = ntohs(v4.sin_port);
        std::memcpy(out.bytes, &v4.sin_addr, 4);
    } else if (from.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
        out.port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {  // A dual-stack listener's IPv4 client.
            out.family = 4;
            std::memcpy(out.bytes, v6.sin6_addr.s6_addr + 12, 4);
        } else {
            out.family = 6;
            std::memcpy(out.bytes, &v6.sin6_addr, 16);
        }
    } else if (from.ss_family == AF_UNIX) {
        out.family = 1;
    }
    return out;
}

}  // namespace pkernel::net

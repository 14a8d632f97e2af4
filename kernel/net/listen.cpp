#include "kernel/net/listen.hpp"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pkernel::net {
namespace {

struct failure {
    listen_step step = listen_step::none;
    int error = 0;
};

failure failed(listen_step step) noexcept {
    return {step, errno};
}

bool set(int fd, int level, int option, int value) noexcept {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// A bound socket, not listening yet.
struct bound {
    base::unique_fd fd;
    failure why;
};

bool set_freebind(int fd, int family) noexcept {
    return family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
                              : set(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

bool bind_to(int fd, const socket_address& at) noexcept {
    return ::bind(fd, at.get(), at.size) == 0;
}

// SO_REUSEPORT is what lets the sockets of one address stand side by side.
bound bind_ip(const listen_spec& spec, bool shared) noexcept {
    bound out;
    const int family = spec.at.family();
    out.fd = base::unique_fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int fd = out.fd.get();
    if (fd < 0) {
        out.why = failed(listen_step::socket);
        return out;
    }
    // After a restart connections of the last life may still be in TIME_WAIT.
    if (!set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
        (shared && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        (spec.freebind && !set_freebind(fd, family)) ||
        (family == AF_INET6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec.any ? 0 : 1))) {
        out.why = failed(listen_step::option);
        return out;
    }
    if (!bind_to(fd, spec.at)) out.why = failed(listen_step::bind);
    return out;
}

bool no_ipv6(const failure& why) noexcept {
    return why.error == EAFNOSUPPORT || why.error == EADDRNOTAVAIL;
}

listen_spec ipv4_only(const listen_spec& spec) noexcept {
    pk_address ip{};
    ip.family = 4;
    ip.port = spec.at.port();
    return {to_socket_address(ip), false, spec.backlog, spec.freebind};
}

// Whether nobody answers on a socket file that is there.
bool is_stale_socket(const socket_address& at) noexcept {
    const auto& un = reinterpret_cast<const sockaddr_un&>(at.storage);
    struct stat info;
    if (::lstat(un.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
    const base::unique_fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    return probe && ::connect(probe.get(), at.get(), at.size) != 0 && errno == ECONNREFUSED;
}

bound bind_unix(const listen_spec& spec) noexcept {
    bound out;
    out.fd = base::unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!out.fd) {
        out.why = failed(listen_step::socket);
        return out;
    }
    const char* path = reinterpret_cast<const sockaddr_un&>(spec.at.storage).sun_path;
    if (!bind_to(out.fd.get(), spec.at)) {
        const int error = errno;
        const bool again = error == EADDRINUSE && is_stale_socket(spec.at) && ::unlink(path) == 0 &&
                           bind_to(out.fd.get(), spec.at);
        if (!again) {
            out.why = {listen_step::bind, error};
            return out;
        }
    }
    // Who may connect is decided by the directory, as for a port it is by the network.
    if (::chmod(path, 0666) != 0) out.why = failed(listen_step::option);
    return out;
}

listen_result give_up(failure why) {
    listen_result out;
    out.step = why.step;
    out.error = why.error;
    return out;
}

// Sees that nobody listens on the address, by binding it without SO_REUSEPORT for a moment.
failure probe(listen_spec& spec) noexcept {
    bound alone = bind_ip(spec, false);
    if (spec.any && alone.why.error != 0 && no_ipv6(alone.why)) {
        spec = ipv4_only(spec);
        alone = bind_ip(spec, false);
    }
    return alone.why;
}

}  // namespace

bool to_listen_spec(const config::address& from, listen_spec& out) {
    const auto all = addresses_of(from);
    if (all.empty()) return false;
    out.at = all.front();
    out.any = from.kind == config::address_kind::any;
    out.freebind = from.freebind;
    return true;
}

listen_result open_listeners(const listen_spec& wanted, unsigned count,
                             const std::vector<base::unique_fd>& held) {
    listen_spec spec = wanted;
    const bool is_unix = spec.at.family() == AF_UNIX;
    if (is_unix) count = 1;
    if (!held.empty()) {
        const bool any = spec.any;
        spec.at = bound_address(held.front().get());
        spec.any = any && spec.at.family() == AF_INET6;
    } else if (!is_unix) {
        if (const failure why = probe(spec); why.error != 0) return give_up(why);
    }

    listen_result out;
    for (unsigned i = 0; i < count; ++i) {
        bound one = is_unix ? bind_unix(spec) : bind_ip(spec, true);
        if (one.why.error != 0) return give_up(one.why);
        if (::listen(one.fd.get(), spec.backlog) != 0) return give_up(failed(listen_step::listen));
        if (!is_unix && spec.at.port() == 0) spec.at = bound_address(one.fd.get());
        out.sockets.push_back(std::move(one.fd));
    }
    return out;
}

socket_address bound_address(int fd) noexcept {
    socket_address out;
    out.size = sizeof out.storage;
    if (::getsockname(fd, out.get(), &out.size) != 0) out.size = 0;
    return out;
}

std::string sentence(listen_step step, int error, const std::string& address) {
    std::string out = "cannot listen on " + address + ": ";
    if (step == listen_step::path) return out + "the path is longer than 107 bytes";
    switch (error) {
        case EADDRINUSE:
            return out + "the address is in use";
        case EACCES:
            return out + "permission denied";
        case EADDRNOTAVAIL:
            return out + "no interface of this machine has the address";
        case EMFILE:
        case ENFILE:
            return out + "no file descriptors left";
        default:
            return out + ::strerror(error);
    }
}

std::string hint(int error, const socket_address& at) {
    const std::string port = std::to_string(at.port());
    const bool is_unix = at.family() == AF_UNIX;
    if (error == EADDRINUSE && !is_unix)
        return "\"ss -ltnp 'sport = :" + port +
               "'\" shows who has it; change the port here or stop it";
    if (error == EADDRINUSE) return "another process answers there, or the file is not a socket";
    if (error == EACCES && !is_unix)
        return "ports below 1024 need root or CAP_NET_BIND_SERVICE; write one above it";
    if (error == EADDRNOTAVAIL)
        return "\"ip -brief address\" shows those there are; write 'freebind: true' if it comes "
               "later";
    return {};
}

}  // namespace pkernel::net

#include "kernel/runtime/channel.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <type_traits>

namespace pkernel::runtime {
namespace {

static_assert(std::is_trivially_copyable_v<message>);
// No byte between the members: nothing else of the sender travels along.
static_assert(sizeof(message) == 40 + message::text_bytes_max + sizeof(sockaddr_storage));

constexpr std::size_t control_bytes = CMSG_SPACE(message::fds_max * sizeof(int));

bool known(message_kind kind, bool from_engine) noexcept {
    switch (kind) {
        case message_kind::listen:
        case message_kind::close:
        case message_kind::ready:
        case message_kind::files:
        case message_kind::read:
            return from_engine;
        case message_kind::sockets:
        case message_kind::drain:
        case message_kind::stop:
        case message_kind::reload:
        case message_kind::reopen_logs:
        case message_kind::file:
        case message_kind::files_end:
            return !from_engine;
    }
    return false;
}

bool has_address(message_kind kind) noexcept {
    return kind == message_kind::listen || kind == message_kind::close;
}

bool good_fds(const message& m) noexcept {
    if (m.kind == message_kind::file) return m.fds == 1 && m.words().starts_with('/');
    return m.fds == 0 || m.kind == message_kind::sockets;
}

bool good_address(const message& m) noexcept {
    switch (m.address.ss_family) {
        case AF_INET:
            return m.address_bytes == 16;
        case AF_INET6:
            return m.address_bytes == 28;
        case AF_UNIX:
            return m.address_bytes > 3 && m.address_bytes <= 110 &&
                   reinterpret_cast<const char*>(&m.address)[m.address_bytes - 1] == '\0';
        default:
            return false;
    }
}

void take_fds(msghdr& header, std::vector<base::unique_fd>& out) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            out.emplace_back(fd);
        }
    }
}

}  // namespace

net::listen_spec message::spec() const noexcept {
    net::listen_spec out;
    out.at.storage = address;
    out.at.size = address_bytes;
    out.any = any != 0;
    out.backlog = backlog;
    out.freebind = freebind != 0;
    return out;
}

void message::set_spec(const net::listen_spec& from) noexcept {
    address = from.at.storage;
    address_bytes = from.at.size;
    any = from.any ? 1 : 0;
    backlog = from.backlog;
    freebind = from.freebind ? 1 : 0;
}

void message::set_owner(std::string_view name) noexcept {
    text_bytes = static_cast<std::uint32_t>(name.copy(text.data(), owner_bytes_max));
}

bool message::set_path(std::string_view path) noexcept {
    if (path.size() > text_bytes_max) return false;
    text_bytes = static_cast<std::uint32_t>(path.copy(text.data(), text_bytes_max));
    return true;
}

bool is_valid(const message& m, std::size_t bytes, std::size_t fds, bool from_engine) noexcept {
    return bytes == sizeof(message) && m.magic == message::magic_word && m.fds == fds &&
           known(m.kind, from_engine) && m.count <= message::sockets_max && fds <= m.count &&
           m.any <= 1 && m.freebind <= 1 && m.backlog >= 0 &&
           m.text_bytes <= message::text_bytes_max && good_fds(m) &&
           (!has_address(m.kind) || (m.text_bytes <= message::owner_bytes_max && good_address(m)));
}

std::pair<channel, channel> channel::make_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    return {channel(base::unique_fd(fds[0]), side::master),
            channel(base::unique_fd(fds[1]), side::engine)};
}

bool channel::send(message text, const std::vector<int>& fds) noexcept {
    text.fds = static_cast<std::uint32_t>(fds.size());
    iovec part{&text, sizeof text};
    alignas(cmsghdr) char control[control_bytes] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        cmsghdr* c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    ssize_t n;
    do n = ::sendmsg(fd_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n == static_cast<ssize_t>(sizeof text);
}

channel::status channel::receive(received& out) {
    out = {};
    iovec part{&out.text, sizeof out.text};
    alignas(cmsghdr) char control[control_bytes];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t n;
    do n = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno == EAGAIN ? status::empty : status::closed;
    take_fds(header, out.fds);
    if (n == 0) return status::closed;
    const bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    const bool good = whole && is_valid(out.text, static_cast<std::size_t>(n), out.fds.size(),
                                        side_ == side::master);
    return good ? status::message : status::damaged;
}

}  // namespace pkernel::runtime

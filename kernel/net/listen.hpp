// Listening sockets: opened once by whoever holds them for good, non-blocking and close-on-exec.

#pragma once

#include <string>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/address.hpp"

namespace pkernel::net {

struct listen_spec {
    socket_address at;
    bool any = false;    // `at` is [::]: take IPv4 too, or alone where there is no IPv6.
    int backlog = 4096;  // The system lowers it to net.core.somaxconn.
    // No interface of this machine needs to have the address (IP_FREEBIND): one that comes later,
    // such as a floating address, is served from then on. Nothing to unix sockets.
    bool freebind = false;
};

// "any" and a single address are understood; a listener has no name. False: the path of a unix
// socket is too long.
bool to_listen_spec(const config::address& from, listen_spec& out);

enum class listen_step : std::uint32_t { none, socket, option, bind, listen, path };

struct listen_result {
    std::vector<base::unique_fd> sockets;  // Empty: it failed at `step` with `error`.
    listen_step step = listen_step::none;
    int error = 0;
};

// Opens sockets that share one address, so that each worker has its own queue of connections. A
// port of 0 is chosen by the first. Further ones are opened beside `held`, which may be empty; if
// it is, an address that any other process listens on is refused (SO_REUSEPORT alone would share it
// with another proxy of the same user). A unix socket is one, whatever `count` says; a file left
// behind by a process that is gone is replaced.
listen_result open_listeners(const listen_spec& spec, unsigned count,
                             const std::vector<base::unique_fd>& held);

// Where a socket is bound: tells the port that was chosen for 0.
socket_address bound_address(int fd) noexcept;

// "cannot listen on 127.0.0.1:80: the address is in use" and, where there is one, a hint what to
// do.
std::string sentence(listen_step step, int error, const std::string& address);
std::string hint(int error, const socket_address& at);

}  // namespace pkernel::net

// Where an engine gets its listening sockets from: its master, or itself when it has none.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/config/model.hpp"
#include "kernel/net/listen.hpp"

namespace pkernel::runtime {

// [control]
class listener_source {
public:
    struct answer {
        // Non-blocking; the caller's own copies, to be closed at will. Empty: see `problem`.
        std::vector<base::unique_fd> sockets;
        std::string problem;  // "cannot listen on 127.0.0.1:80: the address is in use"
        std::string hint;     // What to do about it, or empty.
    };

    virtual ~listener_source() = default;

    // Every socket of the address, at least `count` of a port and exactly one of a unix socket. A
    // connection may wait in each of them, so each must be served: with more sockets than workers
    // some serve several, with one all share it. The same address again, in this or a later
    // engine, is the same sockets; `owner`, a listener's name, tells addresses with port 0 apart.
    virtual answer listen(const config::address& at, std::string_view owner, unsigned count) = 0;

    // The address has left the config that is in force.
    virtual void close(const config::address& at, std::string_view owner) = 0;

protected:
    static answer refused(const config::address& at, net::listen_step step, int error,
                          const net::listen_spec& spec) {
        return {{}, net::sentence(step, error, at.text), net::hint(error, spec.at)};
    }
};

}  // namespace pkernel::runtime

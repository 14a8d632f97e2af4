// A whole worker without a thread: a generation built from a config text, clients over socket
// pairs, the origin over a unix socket, and time that passes when told to.
//
// The bytes go through real sockets and the real loop. One of it a process.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/unique_fd.hpp"

namespace pkernel::fuzz {

// The other end of a connection: what it sent, what it got, and how it was ended.
struct peer {
    base::unique_fd fd;
    std::string sent;
    std::string got;
    bool reads = true;      // Else what comes stays in the socket: a slow reader.
    bool finished = false;  // It got the end, orderly or by a reset.

    void send(std::string_view bytes);
    void receive();
    void half_close();
    void close() { fd = {}; }
};

class worker_rig {
public:
    // `routes` is YAML below "routes:", whose upstream is `app`; `listener` what the only listener
    // has beside its address, with a comma before it.
    worker_rig(const std::string& plugins_dir, std::string_view routes,
               std::string_view listener = {});
    ~worker_rig();
    worker_rig(const worker_rig&) = delete;
    worker_rig& operator=(const worker_rig&) = delete;

    peer& connect();
    // Client connections, and those that the worker made to the origin, of this run, in order.
    std::vector<std::unique_ptr<peer>> clients;
    std::vector<std::unique_ptr<peer>> origins;

    // Lets the worker do all that it can do now, and everybody who reads, read.
    void turn();
    // Monotonic time goes on by this much, of which no more than a step at once.
    void pass(std::chrono::milliseconds time);
    // Everybody leaves; true when the worker then holds no connection and no stream any more.
    bool end_run();

private:
    struct inside;
    std::unique_ptr<inside> inside_;
};

}  // namespace pkernel::fuzz

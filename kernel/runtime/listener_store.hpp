// Who holds the listening sockets for good, by address: the master, or a process without one.
//
// What waits in a socket's backlog is lost when its last holder closes it. So a socket is held from
// the first time that an engine asks for its address until a config without it is in force.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/net/listen.hpp"

namespace pkernel::runtime {

// [control]
class listener_store {
public:
    static constexpr std::size_t addresses_max = 4096;

    struct answer {
        const std::vector<base::unique_fd>* sockets = nullptr;  // Valid until the next call.
        net::listen_step step{};
        int error = 0;
    };

    listener_store() = default;
    ~listener_store() { close_all(); }
    listener_store(const listener_store&) = delete;
    listener_store& operator=(const listener_store&) = delete;

    // All sockets of the address: those held, opened further up to `count`. A unix socket is one.
    // `owner` tells apart addresses with port 0, of which each owner has its own.
    answer open(const net::listen_spec& spec, std::string_view owner, unsigned count);

    void close(const net::listen_spec& spec, std::string_view owner);
    void close_all();
    // A forked child lets go of its copies; the files of unix sockets stay.
    void forget() noexcept { held_.clear(); }

    // A new engine asks for what its config names; once it serves, what it left out is closed.
    void begin_round() noexcept { ++round_; }
    void end_round();

private:
    struct entry {
        net::listen_spec spec;
        std::vector<base::unique_fd> sockets;
        std::uint64_t round = 0;
    };
    static std::string key_of(const net::listen_spec& spec, std::string_view owner);
    static void remove_file(const entry& of) noexcept;

    std::map<std::string, entry> held_;
    std::uint64_t round_ = 0;
};

}  // namespace pkernel::runtime

// Host names as the C library resolves them (/etc/hosts, DNS, whatever the system is set up for),
// on threads of their own since that may take as long as it likes.
//
// A name is asked for until it has an address, each time a little later. Then nothing asks again
// before a reload: how long an answer is good for the C library does not tell.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/net/address.hpp"

namespace pkernel::upstream {

class system_names {
public:
    static constexpr unsigned threads_max = 4;
    static constexpr std::chrono::milliseconds again_first{500};
    static constexpr std::chrono::milliseconds again_last{8000};

    // The addresses of a name, families taking turns (RFC 8305 section 4); none, and `why`.
    using lookup_fn = std::function<std::vector<net::socket_address>(
        const std::string& host, std::uint16_t port, std::string& why)>;
    static std::vector<net::socket_address> by_libc(const std::string& host, std::uint16_t port,
                                                    std::string& why);

    explicit system_names(lookup_fn lookup);
    // No answer is given after this. It does not wait for a lookup that hangs.
    ~system_names();
    system_names(const system_names&) = delete;
    system_names& operator=(const system_names&) = delete;

    // Called on a thread of its own, one call at a time: addresses, or why there are none. True:
    // ask again.
    using answer = std::function<bool(std::vector<net::socket_address>, const std::string& why)>;
    // [control]
    void ask(std::string host, std::uint16_t port, answer to);

private:
    struct state;
    static void work(const std::shared_ptr<state>& s);
    const std::shared_ptr<state> state_;
};

}  // namespace pkernel::upstream

// How many connections the descriptors of this process allow. Pure but for raise_fd_limit.

#pragma once

#include <algorithm>
#include <cstdint>

namespace pkernel::runtime {

// A client's connection and the one to an origin that it may need; pipes and files come out of the
// reserve, and everything that takes them has another way when there are none.
inline constexpr std::uint64_t fds_per_connection = 2;
inline constexpr std::uint64_t fds_reserved = 24;  // Logs, copies of plugins, the channel, spare.
inline constexpr std::uint64_t fds_per_worker = 4;
inline constexpr std::uint64_t connections_ceiling = 4'000'000;

struct fd_budget {
    std::uint64_t limit = 0;            // RLIMIT_NOFILE
    std::uint64_t connections_max = 0;  // Of all workers; 0: the limit is too low to serve anybody.
};

// `sockets`: listening ones, the copies of all workers together.
constexpr fd_budget make_fd_budget(std::uint64_t limit, std::uint64_t workers,
                                   std::uint64_t sockets) {
    const std::uint64_t taken = fds_reserved + workers * fds_per_worker + sockets;
    const std::uint64_t left = limit > taken ? limit - taken : 0;
    return {limit, std::min(left / fds_per_connection, connections_ceiling)};
}

// Raises the soft limit to the hard one and gives what is in force then.
std::uint64_t raise_fd_limit() noexcept;

}  // namespace pkernel::runtime

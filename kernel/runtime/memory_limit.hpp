// How much memory this process may use, as the system says, and how much it does.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace pkernel::runtime {

// The share of a cgroup's or of the machine's memory that an engine may take: the rest is for the
// system's own buffers, the master, and the time that it takes to let go.
inline constexpr std::uint64_t memory_share_percent = 70;

// An engine with less cannot start to serve.
inline constexpr std::uint64_t memory_least = 8 << 20;
// What an ordinary connection takes while it is served: a head, an arena, itself. Those that take
// more are bounded by limits.memory of their listener, and all together by the budget's levels.
inline constexpr std::uint64_t memory_per_connection = 16 * 1024;

// Gives a file's text, or nothing. Tests give their own.
using file_reader = std::function<std::optional<std::string>(const std::string& path)>;

// The least limit of the memory cgroups, version 1 or 2, that this process is in, from
// /proc/self/cgroup and /proc/self/mountinfo; nothing when none is set.
std::optional<std::uint64_t> cgroup_memory_limit(const file_reader& read);

struct memory_limit {
    std::uint64_t bytes = 0;
    bool of_cgroup = false;
    std::uint64_t configured = 0;  // 0: it was not.
    bool lowered = false;          // `configured` was more than there is.
};

// The least of what is configured (0: nothing) and the share of the cgroup's limit, or else of the
// machine's memory.
memory_limit choose_memory(std::uint64_t configured, std::optional<std::uint64_t> cgroup,
                           std::uint64_t physical) noexcept;

// Of this system.
memory_limit choose_memory(std::uint64_t configured);

// What the system holds in memory for this process; of the one that asked first, not of those that
// it forks later. 0: it does not tell.
std::uint64_t resident_bytes() noexcept;

}  // namespace pkernel::runtime

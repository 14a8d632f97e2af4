// Giving up root before the first line of a plugin runs.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace pkernel::runtime {

inline constexpr const char* default_user = "pkernel";

struct account {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
};

// The groups of a user, its own included.
std::vector<gid_t> groups_of(const account& who);

// By name, or nothing when the system does not know it.
std::optional<account> find_account(const std::string& name);

// "the system knows no user 'x'"
std::string no_such_user(const std::string& name);

bool is_root() noexcept;

// From here on no exec of this process or its children can gain rights. Harmless to repeat.
void forbid_new_rights() noexcept;

// Becomes `who` for good, with the groups that it is in and no capability. Empty, or what failed:
// then the process is in between and must end. Requires is_root() and a single thread.
std::string become(const account& who);

}  // namespace pkernel::runtime

// Whom the engine of a config becomes, before anything of a plugin runs.

#pragma once

#include <optional>
#include <string>

#include "kernel/config/diagnostic.hpp"
#include "kernel/runtime/privileges.hpp"

namespace pkernel::runtime {

struct engine_user {
    std::string name;              // That the config names under 'user', else the default.
    bool named = false;            // It names one.
    config::position at;           // Where.
    std::optional<account> who;    // Empty: the system knows no such user.
    config::diagnostics problems;  // Of this look at the config; the whole reading has them, too.
};

// Reads the config without any plugin. One that cannot be read names nobody.
engine_user engine_user_of(const std::string& config_file);

}  // namespace pkernel::runtime

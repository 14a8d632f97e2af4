// The words of the command line, read with Boost.Program_options. Pure.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/log.hpp"
#include "kernel/runtime/log.hpp"

namespace pkernel::runtime {

struct command_line {
    std::string command;  // Empty: none was given.
    std::vector<std::string> arguments;
    std::vector<std::string> given;  // Names of the options that were, in the order of the table.

    std::optional<std::string> config_file;
    std::optional<std::string> plugins_dir;
    std::optional<unsigned> workers;
    base::log_level log_level = base::log_level::info;
    log_form log_format = log_form::text;
    bool single_process = false;
    bool allow_insecure_plugins_dir = false;
    bool json = false;  // --format json
    bool help = false;
    bool version = false;
};

struct option_info {
    std::string_view name;   // "config"
    std::string_view value;  // "FILE"; empty: a flag.
    std::string_view help;   // One line.
};

// All options, in the order in which help shows them.
std::span<const option_info> option_infos();

inline constexpr unsigned workers_max = 1024;

// What the words say, or one sentence why they say nothing, with did-you-mean.
struct parsed {
    command_line line;
    std::string problem;  // Empty: good.
};
parsed parse_command_line(const std::vector<std::string>& words);

}  // namespace pkernel::runtime

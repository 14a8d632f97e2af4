// The table of commands: dispatch, usage and help all come from it.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/runtime/command_line.hpp"

namespace pkernel::runtime {

struct command {
    std::string_view name;
    std::string_view arguments;  // "METHOD URL", or empty.
    std::size_t argument_count;  // All are needed, unless `arguments` begins with '['.
    std::string_view summary;    // One line.
    std::string_view options;    // Those that mean something to it, separated by spaces.
    std::string_view examples[2];
    int (*run)(const command_line& line);  // Gives the exit code.
};

std::span<const command> commands();

// Of the program, or of one command. Ends with two examples.
std::string help_text();
std::string help_text(const command& of);

// Reads the words behind the program's name and does what they say. Errors of usage go to stderr
// and are exit code 2.
int run_command_line(const std::vector<std::string>& words);

extern const std::string_view version_text;

}  // namespace pkernel::runtime

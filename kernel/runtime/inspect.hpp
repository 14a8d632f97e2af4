// The commands that look and change nothing. Each gives its exit code; what it found is on stdout.

#pragma once

#include "kernel/runtime/command_line.hpp"

namespace pkernel::runtime {

int validate_config(const command_line& line);
int explain_request(const command_line& line);
int list_installed(const command_line& line);
int describe_name(const command_line& line);
int print_schema(const command_line& line);
int print_version(const command_line& line);

}  // namespace pkernel::runtime

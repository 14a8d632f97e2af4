// Diagnostics as text: for people, in the format of behaviour G, or as JSON.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernel/config/diagnostic.hpp"

namespace pkernel::config {

// Every diagnostic, sorted, then the line "2 errors, 0 warnings". Ends with a newline. Control
// characters are escaped, hidden spans shown as ***.
std::string to_text(const diagnostics& all, bool colour);

// The same for a log of one line an event, without the lines of the files: each message with its
// hint and notes behind it, then the counts.
std::vector<std::pair<severity, std::string>> to_lines(const diagnostics& all);

// { "errors": n, "warnings": n, "exit_code": n, "diagnostics": [ … ] } and a newline.
std::string to_json(const diagnostics& all);

// Whether `fd` is a terminal and NO_COLOR is unset or empty.
bool wants_colour(int fd);

}  // namespace pkernel::config

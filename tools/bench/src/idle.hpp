// Holds many connections that have each carried one request and now say nothing.

#pragma once

#include "options.hpp"

namespace bench {

// Prints "idle N" when all N wait, and ends when its standard input does. Returns the exit code:
// 1 if a request failed, or if a connection was closed or spoken on meanwhile.
int hold_idle(const options& opts);

}  // namespace bench

// What one run of the load generator does, from its command line.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

struct options {
    std::uint16_t port = 0;
    std::size_t connections = 64;
    std::size_t size = 1024;           // Of each response body.
    std::size_t post = 0;              // Of each request body; 0 sends GET.
    std::size_t routes = 0;            // Spread over /svc00000/ .. by chance; 0 asks for /bench.
    bool close = false;                // One connection a request.
    bool forwarded = false;            // The origin must find the X-Forwarded family.
    bool sources = false;              // Each connection from an address of its own, 250 of them.
    std::vector<std::string> cookies;  // Sent by the connections in turn.
    bool tls = false;
    bool resume = false;     // Each connection but the first resumes a session of TLS.
    bool websocket = false;  // A request is a message of `size` bytes, and its echo.
    bool idle = false;       // Hold the connections after one request each.
    double warmup_s = 0.2;
    double seconds = 1.0;
    double rate = 0;             // Requests per second, at fixed times; 0 is a closed loop.
    std::uint64_t requests = 0;  // Stop after so many instead of after `seconds`.
    std::vector<pid_t> account;  // Processes whose CPU time is read at both ends of the window.
};

// Prints what is wrong and exits with 2.
options parse_options(int argc, char** argv);

}  // namespace bench

// The addresses of listeners and endpoints, as texts and as what they mean.

#pragma once

#include <string>
#include <string_view>

#include "kernel/config/codes.hpp"
#include "kernel/config/model.hpp"

namespace pkernel::config {

// `ok` with the address (without its position), or what is wrong, as a sentence about "it".
struct parsed_address {
    bool ok = false;
    address value;
    code number{};
    std::string problem;  // "holds a path; …"
};

// ":80", "127.0.0.1:8080", "[::]:80", "unix:/path". Port 0 is left to the system to choose.
parsed_address parse_listener_address(std::string_view text);

// "127.0.0.1:3000", "[::1]:3000", "app.internal:3000", "unix:/path".
parsed_address parse_endpoint_address(std::string_view text);

// Letters, digits, '-' and '_' in labels of 1..63, 253 in all.
bool is_host_name(std::string_view text);

}  // namespace pkernel::config

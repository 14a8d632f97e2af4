// The texts of single values to numbers and addresses. Pure and strict: a value has one spelling,
// and a wrong one is told the right one.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pkernel/abi/base.h"

namespace pkernel::config {

// `ok` with the value, or what to write instead: "10s", or "something like 64KiB".
struct number_text {
    bool ok = false;
    std::int64_t value = 0;
    std::string remedy;
};

number_text parse_integer(std::string_view text);   // 42, -1
number_text parse_size(std::string_view text);      // 512B 64KiB 10MB, to bytes
number_text parse_duration(std::string_view text);  // 250ms 10s 1h30m 30d, to nanoseconds

struct rate_text {
    bool ok = false;
    std::int64_t count = 0;
    std::int64_t period = 0;  // ns
    std::string remedy;
};

rate_text parse_rate(std::string_view text);  // 100/s 10/m 5/10s

struct address_text {
    bool ok = false;
    pk_address value{};
    std::string canonical;  // "127.0.0.1:80", "[::1]:80", "unix:/p"; of a CIDR "10.0.0.0/8"
    std::string remedy;
};

address_text parse_address(std::string_view text);  // 127.0.0.1:80 [::1]:80 unix:/run/x
address_text parse_cidr(std::string_view text);     // 10.0.0.0/8 ::1

// An IP address without port or brackets; family 0 when it is none.
pk_address parse_ip(std::string_view text);
std::string ip_text(const pk_address& ip);

// 0..65535 in plain decimal, or -1.
int parse_port(std::string_view text);

// In the same spelling that the parsers take, for messages and pages.
std::string size_text(std::int64_t bytes);
std::string duration_text(std::int64_t ns);

}  // namespace pkernel::config

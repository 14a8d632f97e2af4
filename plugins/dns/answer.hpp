// A DNS answer, read: which addresses it gives for the name that was asked. Pure, strict, bounded.
//
// c-ares has seen to it that the message is of the server that was asked, with the id and question
// that were sent. What it says is judged here: records of other names are nobody's business.

#pragma once

#include <pkernel/abi/base.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

inline constexpr std::size_t addresses_max = 64;  // Of one answer; what is more is left out.
inline constexpr unsigned cnames_max = 8;         // One after the other.

enum class record_type : std::uint16_t { a = 1, cname = 5, aaaa = 28 };

struct answer {
    std::vector<pk_address> addresses;  // Without ports.
    std::uint32_t ttl = 0;              // Seconds; the least of all records that led here.
    bool more = false;                  // Than addresses_max.
    const char* problem = nullptr;      // Null: it is a good one, perhaps without an address.
};

// The addresses of `type` (a or aaaa) in `message`, the whole answer. A TTL whose first bit is set
// counts as 0 (RFC 2181 section 8).
answer read_answer(std::string_view message, record_type type);

// What no name may stand for, whatever a server says: nothing listens there, or many do.
bool is_nowhere(const pk_address& a) noexcept;
// This machine or its link: what a name of another machine does not stand for.
bool is_local(const pk_address& a) noexcept;

}  // namespace dns

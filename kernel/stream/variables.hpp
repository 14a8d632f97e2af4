// pk.variables/1: names that become numbers while the config is read, and their values on a stream.
//
// A number is good for every stream of the process and never given back; a name has one number,
// however often it is resolved. Values are views of the stream's own, or stand in its arena until
// it ends.

#pragma once

#include <cstdint>
#include <string_view>

#include "pkernel/abi/variables.h"

namespace pkernel::stream {

class stream;

// What was made of a variable for one stream: the next reader gets the same bytes unless the value
// has changed, so that a plugin that asks again and again does not fill the arena.
struct made_value {
    std::uint32_t variable;
    std::string_view value;
    made_value* next;
};

namespace variables {

inline constexpr std::uint32_t named_max = 16 * 1024;  // field.X, query.X, cookie.X, all together.
inline constexpr std::size_t name_bytes_max = 256;

// [control] PK_NOT_FOUND: there is none of that name. PK_NO_MEMORY: named_max are known already.
pk_status resolve(std::string_view name, std::uint32_t& variable);

// [control] The number of a name that a transport gives values to, as "tls.version", which may be
// resolved from now on. PK_INVALID: it has no dot, or is one of the kernel's own.
pk_status offer(std::string_view name, std::uint32_t& variable);

// [worker] False: it has no value now.
bool get(stream& s, std::uint32_t variable, std::string_view& value);

const pk_variables* table() noexcept;

}  // namespace variables
}  // namespace pkernel::stream

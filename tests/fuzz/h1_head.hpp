// What the fuzz targets of requests and responses share: playing a parser in pieces, and writing a
// head again.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_check.hpp"
#include "kernel/http/head.hpp"

namespace pkernel::http::fuzz {

struct outcome {
    parse_result result = parse_result::need_more;
    std::size_t consumed = 0;
    parse_fault fault;
};

// Tight enough that short inputs reach them.
inline constexpr head_limits small_limits{200, 300, 1000, 12};

inline bool same_fields(const fields& a, const fields& b) {
    if (a.size() != b.size()) return false;
    for (std::uint32_t i = 0; i < a.size(); ++i) {
        if (to_view(a[i].name) != to_view(b[i].name) || a[i].id != b[i].id) return false;
        if (to_view(a[i].value) != to_view(b[i].value)) return false;
    }
    return true;
}

inline void check_fields(const fields& all) {
    for (const pk_field& f : all) {
        FUZZ_CHECK(is_token(to_view(f.name)));
        FUZZ_CHECK(is_field_value(to_view(f.value)));
        FUZZ_CHECK(f.id == field_id(to_view(f.name)));
        FUZZ_CHECK(all.has(f.id));
    }
}

// Calls `parse(bytes, seen)` with ever more of the input until it settles. Each call gets a copy of
// its own, so that nothing kept from an earlier one stands. Steps of up to 8 bytes come from
// `seed`.
template <class Parse>
outcome in_pieces(std::string_view input, std::uint32_t seed, Parse&& parse) {
    std::size_t seen = 0;
    for (std::size_t size = 0;;) {
        seed = seed * 1664525u + 1013904223u;
        size = std::min(input.size(), size + (seed >> 29) + 1);
        const std::vector<char> copy(input.begin(), input.begin() + static_cast<long>(size));
        const outcome o = parse(std::string_view(copy.data(), copy.size()), seen);
        if (o.result != parse_result::need_more || size == input.size()) return o;
        seen = size;
    }
}

// The same verdict, but that a fault may be seen later in pieces, at the end of its line.
inline void check_same(const outcome& whole, const outcome& pieces) {
    if (whole.result == parse_result::bad) {
        if (pieces.result == parse_result::need_more) return;
        FUZZ_CHECK(pieces.result == parse_result::bad);
        FUZZ_CHECK(pieces.fault.status == whole.fault.status);
        FUZZ_CHECK(std::string_view(pieces.fault.cause) == whole.fault.cause);
        return;
    }
    FUZZ_CHECK(pieces.result == whole.result);
    if (whole.result == parse_result::complete) FUZZ_CHECK(pieces.consumed == whole.consumed);
}

inline void append_fields(std::string& out, const fields& all) {
    for (const pk_field& f : all) {
        out.append(to_view(f.name)).append(": ");
        out.append(to_view(f.value)).append("\r\n");
    }
    out += "\r\n";
}

}  // namespace pkernel::http::fuzz

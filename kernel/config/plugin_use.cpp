#include "kernel/config/plugin_use.hpp"

#include <cstdio>

namespace pkernel::config {

std::string digest::hex() const {
    char out[33];
    std::snprintf(out, sizeof out, "%016llx%016llx", static_cast<unsigned long long>(high),
                  static_cast<unsigned long long>(low));
    return out;
}

// FNV-1a with 128 bits: the prime is 2^88 + 0x13b.
digest digest_of(std::string_view bytes) {
    __extension__ using wide = unsigned __int128;
    constexpr wide prime = (wide{1} << 88) + 0x13b;
    wide hash = (wide{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
    for (const char c : bytes) {
        hash ^= static_cast<unsigned char>(c);
        hash *= prime;
    }
    return {static_cast<std::uint64_t>(hash >> 64), static_cast<std::uint64_t>(hash)};
}

bool same_instance(const plugin_use& a, const plugin_use& b) {
    return a.identity == b.identity && a.ordinal == b.ordinal && a.point == b.point &&
           a.name == b.name && a.owner == b.owner && a.canonical == b.canonical;
}

}  // namespace pkernel::config

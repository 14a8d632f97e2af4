// The bytes of every body, known to both ends, so that neither trusts the proxy between them.
//
// The pattern repeats after a prime number of bytes: a run of it says at which offset it belongs,
// so bytes lost, doubled or swapped by a proxy show, wherever its buffers end.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace bench {

class pattern {
public:
    static constexpr std::size_t period = 65521;

    // Holds at least `size_max` bytes.
    explicit pattern(std::size_t size_max) : bytes_(size_max + 1, '\0') {
        std::uint32_t state = 0x2545f491;
        for (std::size_t i = 0; i < bytes_.size(); ++i) {
            if (i >= period) {
                bytes_[i] = bytes_[i - period];
                continue;
            }
            state = state * 1664525 + 1013904223;
            bytes_[i] = static_cast<char>(state >> 24);
        }
    }

    const char* at(std::size_t offset) const { return bytes_.data() + offset; }

    // True if `size` bytes at `data` are what stands at `offset`. A long run is looked at in its
    // first and last bytes only unless `all`: comparing everything would cost as much as receiving.
    bool matches(const char* data, std::size_t size, std::size_t offset, bool all) const {
        constexpr std::size_t edge = 256;
        if (offset + size > bytes_.size()) return false;
        if (all || size <= 2 * edge) return std::memcmp(data, at(offset), size) == 0;
        return std::memcmp(data, at(offset), edge) == 0 &&
               std::memcmp(data + size - edge, at(offset + size - edge), edge) == 0;
    }

private:
    std::string bytes_;
};

}  // namespace bench

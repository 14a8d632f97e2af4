// An open hash table of numbers: what a number stands for, and when two are equal, the caller
// knows. Eight bytes a slot, at most two thirds of them in use. Finding is safe from any thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pkernel::route {

inline constexpr std::uint32_t none = UINT32_MAX;

// Spreads numbers of our own; for text use base::siphash.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

class hash_slots {
public:
    // The number that was added with `hash` and for which `is_it(number)` holds, or `none`.
    template <class IsIt>
    std::uint32_t find(std::uint64_t hash, IsIt&& is_it) const {
        if (slots_.empty()) return none;
        const auto tag = static_cast<std::uint32_t>(hash);
        for (std::size_t at = tag & mask_;; at = (at + 1) & mask_) {
            const slot& s = slots_[at];
            if (s.number == none) return none;
            if (s.tag == tag && is_it(s.number)) return s.number;
        }
    }

    void add(std::uint64_t hash, std::uint32_t number) {
        if ((used_ + 1) * 3 > slots_.size() * 2) grow();
        put({static_cast<std::uint32_t>(hash), number});
        ++used_;
    }

    std::size_t footprint_bytes() const noexcept { return slots_.capacity() * sizeof(slot); }

private:
    struct slot {
        std::uint32_t tag = 0;
        std::uint32_t number = none;
    };

    void put(slot s) {
        std::size_t at = s.tag & mask_;
        while (slots_[at].number != none) at = (at + 1) & mask_;
        slots_[at] = s;
    }

    void grow() {
        std::vector<slot> before(slots_.empty() ? 8 : slots_.size() * 2);
        before.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const slot& s : before)
            if (s.number != none) put(s);
    }

    std::vector<slot> slots_;
    std::size_t mask_ = 0;
    std::size_t used_ = 0;
};

// Strings that live as long as the router, in one run of memory.
class text_pool {
public:
    struct text {
        std::uint32_t offset = 0;
        std::uint32_t size = 0;
    };

    text add(std::string_view s) {
        const text out{static_cast<std::uint32_t>(bytes_.size()),
                       static_cast<std::uint32_t>(s.size())};
        bytes_ += s;
        return out;
    }

    // Until the next add.
    std::string_view view(text t) const noexcept {
        return std::string_view(bytes_).substr(t.offset, t.size);
    }

    std::size_t footprint_bytes() const noexcept { return bytes_.capacity(); }

private:
    std::string bytes_;
};

}  // namespace pkernel::route

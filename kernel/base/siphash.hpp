// Keyed hash of short strings (Aumasson and Bernstein, SipHash): with a secret key nobody outside
// can aim at one bucket of a table.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pkernel::base {

struct siphash_key {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};

// [any] Drawn from the system once a process.
const siphash_key& process_siphash_key();

// SipHash with `PerWord` rounds a word and `AtEnd` rounds at the end. Text may come in pieces, and
// digest() may be asked after each: it is that of all that was added so far.
template <int PerWord, int AtEnd>
class basic_siphash {
public:
    explicit basic_siphash(const siphash_key& key) noexcept
        : a_(key.first ^ 0x736f6d6570736575u),
          b_(key.second ^ 0x646f72616e646f6du),
          c_(key.first ^ 0x6c7967656e657261u),
          d_(key.second ^ 0x7465646279746573u) {}

    void add(char c) noexcept {
        tail_ |= std::uint64_t{static_cast<unsigned char>(c)} << (8 * (size_ & 7));
        if ((++size_ & 7) != 0) return;
        absorb(tail_);
        tail_ = 0;
    }

    void add(std::string_view text) noexcept {
        const char* at = text.data();
        std::size_t left = text.size();
        const auto shift = static_cast<int>(8 * (size_ & 7));
        for (; left >= 8; at += 8, left -= 8) {
            const auto word = load(at);
            absorb(tail_ | word << shift);
            tail_ = shift ? word >> (64 - shift) : 0;
            size_ += 8;
        }
        for (; left > 0; ++at, --left) add(*at);
    }

    std::uint64_t digest() const noexcept {
        auto end = *this;
        end.absorb(tail_ | std::uint64_t{size_} << 56);
        end.c_ ^= 0xff;
        for (int i = 0; i < AtEnd; ++i) end.round();
        return end.a_ ^ end.b_ ^ end.c_ ^ end.d_;
    }

private:
    static std::uint64_t load(const char* from) noexcept {
        static_assert(std::endian::native == std::endian::little);
        std::uint64_t word;
        std::memcpy(&word, from, sizeof word);
        return word;
    }

    void absorb(std::uint64_t word) noexcept {
        d_ ^= word;
        for (int i = 0; i < PerWord; ++i) round();
        a_ ^= word;
    }

    void round() noexcept {
        a_ += b_;
        b_ = std::rotl(b_, 13) ^ a_;
        a_ = std::rotl(a_, 32);
        c_ += d_;
        d_ = std::rotl(d_, 16) ^ c_;
        a_ += d_;
        d_ = std::rotl(d_, 21) ^ a_;
        c_ += b_;
        b_ = std::rotl(b_, 17) ^ c_;
        c_ = std::rotl(c_, 32);
    }

    std::uint64_t a_, b_, c_, d_;
    std::uint64_t tail_ = 0;  // The last size_ % 8 bytes.
    std::size_t size_ = 0;
};

using siphash = basic_siphash<1, 3>;

}  // namespace pkernel::base

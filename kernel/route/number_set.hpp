// A set of small numbers on the stack. Making one costs a few hundred bytes of zeros whatever it
// may hold: a word of bits is cleared when its first number comes.

#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace pkernel::route {

class number_set {
public:
    static constexpr std::uint32_t size_max = 1u << 17;  // Numbers are below it.

    number_set() noexcept : used_{} {}  // words_ stays as it is.

    void add(std::uint32_t n) noexcept {
        const auto word = n / 64;
        if (!in_use(word)) {
            used_[word / 64] |= bit(word);
            words_[word] = 0;
        }
        words_[word] |= bit(n);
    }

    bool has(std::uint32_t n) const noexcept { return in_use(n / 64) && (words_[n / 64] & bit(n)); }

    template <class F>
    void for_each(F&& f) const {
        for (std::uint32_t group = 0; group < used_.size(); ++group)
            each_bit(used_[group], group * 64,
                     [&](std::uint32_t word) { each_bit(words_[word], word * 64, f); });
    }

private:
    static constexpr std::uint64_t bit(std::uint32_t n) noexcept {
        return std::uint64_t{1} << (n & 63);
    }
    bool in_use(std::uint32_t word) const noexcept { return used_[word / 64] & bit(word); }

    template <class F>
    static void each_bit(std::uint64_t bits, std::uint32_t first, F&& f) {
        for (; bits; bits &= bits - 1)
            f(first + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }

    std::array<std::uint64_t, size_max / 64 / 64> used_;  // A bit for each word.
    std::array<std::uint64_t, size_max / 64> words_;
};

}  // namespace pkernel::route

#include <array>
#include <bit>
#include <cstring>

#include "kernel/http/characters.hpp"
#include "kernel/http/fields.hpp"

// Names are found by a perfect hash of their length, first and last bytes, for which a multiplier
// is searched while compiling: a new name in the list needs no work here.

namespace pkernel::http {

namespace {

constexpr std::string_view names[PK_FIELD_COUNT] = {"",
#define PKERNEL_FIELD_NAME(suffix, name) name,
                                                    PKERNEL_FIELD_LIST(PKERNEL_FIELD_NAME)
#undef PKERNEL_FIELD_NAME
};

constexpr unsigned slot_bits = 9;
constexpr std::size_t length_min = 2;
constexpr std::size_t length_max = 32;

constexpr std::uint32_t word(const char* p) noexcept {
    if (std::is_constant_evaluated()) {
        std::uint32_t w = 0;
        for (int i = 3; i >= 0; --i) w = w << 8 | static_cast<unsigned char>(p[i]);
        return w;
    }
    std::uint32_t w;
    std::memcpy(&w, p, 4);
    return w;
}

// `name` has at least length_min bytes. Case is folded roughly; the comparison is exact.
constexpr std::uint64_t key_of(std::string_view name) noexcept {
    const char* p = name.data();
    const std::size_t n = name.size();
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    if (n >= 4) {
        first = word(p);
        last = word(p + n - 4);
    } else {
        first = static_cast<unsigned char>(p[0]);
        last = static_cast<std::uint32_t>(static_cast<unsigned char>(p[n / 2])) << 8 |
               static_cast<unsigned char>(p[n - 1]);
    }
    first |= 0x20202020u;
    last |= 0x20202020u;
    return (std::uint64_t{first} << 32 | last) + n * 0x9e3779b97f4a7c15u;
}

constexpr std::size_t slot_of(std::uint64_t key, std::uint64_t multiplier) noexcept {
    return static_cast<std::size_t>((key * multiplier) >> (64 - slot_bits));
}

struct hash_table {
    std::uint64_t multiplier = 0;
    std::array<std::uint8_t, 1u << slot_bits> id{};
};

constexpr hash_table make_table() {
    hash_table table;
    std::uint64_t seed = 0x2545f4914f6cdd1du;
    for (int trial = 0; trial < 4000; ++trial) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        table.multiplier = seed | 1;
        table.id = {};
        bool clash = false;
        for (std::uint8_t i = 1; i < PK_FIELD_COUNT && !clash; ++i) {
            auto& slot = table.id[slot_of(key_of(names[i]), table.multiplier)];
            clash = slot != 0;
            slot = i;
        }
        if (!clash) return table;
    }
    table.multiplier = 0;
    return table;
}

constexpr hash_table table = make_table();
static_assert(table.multiplier != 0, "no perfect hash found: raise slot_bits");
static_assert([] {
    for (int i = 1; i < PK_FIELD_COUNT; ++i)
        if (names[i].size() < length_min || names[i].size() > length_max) return false;
    return true;
}());

// Upper case differs from lower case in this bit; only for letters may it differ.
struct padded_name {
    char text[length_max] = {};
    char fold[length_max] = {};
};

constexpr std::array<padded_name, PK_FIELD_COUNT> make_padded() {
    std::array<padded_name, PK_FIELD_COUNT> all{};
    for (std::size_t i = 1; i < PK_FIELD_COUNT; ++i)
        for (std::size_t k = 0; k < names[i].size(); ++k) {
            const char c = names[i][k];
            all[i].text[k] = c;
            all[i].fold[k] = c >= 'a' && c <= 'z' ? 0x20 : 0;
        }
    return all;
}

constexpr auto padded = make_padded();

template <class Word>
bool same_at(const char* p, const padded_name& name, std::size_t at) noexcept {
    Word a, text, fold;
    std::memcpy(&a, p + at, sizeof(Word));
    std::memcpy(&text, name.text + at, sizeof(Word));
    std::memcpy(&fold, name.fold + at, sizeof(Word));
    return static_cast<Word>(a | fold) == text;
}

bool same_name(std::string_view s, const padded_name& name) noexcept {
    const char* p = s.data();
    const std::size_t n = s.size();
    if (n >= 8) {
        for (std::size_t at = 0; at + 8 < n; at += 8)
            if (!same_at<std::uint64_t>(p, name, at)) return false;
        return same_at<std::uint64_t>(p, name, n - 8);
    }
    if (n >= 4) return same_at<std::uint32_t>(p, name, 0) && same_at<std::uint32_t>(p, name, n - 4);
    return same_at<std::uint16_t>(p, name, 0) && same_at<std::uint16_t>(p, name, n - 2);
}

}  // namespace

std::uint32_t field_id(std::string_view name) noexcept {
    if (name.size() < length_min || name.size() > length_max) return PK_FIELD_OTHER;
    const std::uint32_t id = table.id[slot_of(key_of(name), table.multiplier)];
    if (names[id].size() != name.size() || !same_name(name, padded[id])) return PK_FIELD_OTHER;
    return id;
}

std::string_view field_name(std::uint32_t id) noexcept {
    return id < PK_FIELD_COUNT ? names[id] : std::string_view();
}

}  // namespace pkernel::http

// random_two: two endpoints are drawn, each as likely as its weight says, and the one with fewer
// requests in flight for its weight gets the request (the power of two choices).
//
// Drawing from all of them costs two looks whatever their number (an alias table): endpoint i keeps
// the draw below words(i)[0], else it falls to words(i)[1]. All draws are in units of the sum of
// weights, so the table is exact.

#include <pkernel/plugin.hpp>

namespace {

class random_two {
public:
    static constexpr bool uses_in_flight = true;

    std::uint32_t pick(const pk::pick& p) const noexcept {
        bits random{p.random()};
        if (p.count() == 1) return p.candidate(0);
        const std::uint32_t first = draw(p, random);
        std::uint32_t second = first;
        for (int i = 0; i < 4 && second == first; ++i) second = draw(p, random);
        return fewer(p, second, first) ? second : first;
    }

private:
    // splitmix64 over the one word that was given.
    struct bits {
        std::uint64_t state;
        // Even in [0, below).
        std::uint64_t operator()(std::uint64_t below) noexcept {
            std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            z ^= z >> 31;
            return static_cast<std::uint64_t>((static_cast<unsigned __int128>(z) * below) >> 64);
        }
    };

    static std::uint64_t weight(const pk::pick& p, std::uint32_t i) noexcept {
        return p.endpoint(i).weight;
    }

    static bool fewer(const pk::pick& p, std::uint32_t a, std::uint32_t b) noexcept {
        const auto load = [&](std::uint32_t i) -> std::uint64_t {
            return __atomic_load_n(&p.endpoint(i).shared->in_flight, __ATOMIC_RELAXED);
        };
        return load(a) * weight(p, b) < load(b) * weight(p, a);
    }

    static std::uint32_t draw(const pk::pick& p, bits& random) noexcept {
        return p.all() ? draw_of_all(p, random) : draw_of_some(p, random);
    }

    // Endpoint 0 keeps the sum in words(0)[1]'s upper half, where an alias never reaches.
    static std::uint32_t draw_of_all(const pk::pick& p, bits& random) noexcept {
        if (p.words(0)[1] == 0) build(p);
        const auto sum = static_cast<std::uint64_t>(p.words(0)[1]) >> 32;
        const auto i = static_cast<std::uint32_t>(random(p.endpoint_count()));
        const auto kept = static_cast<std::uint64_t>(p.words(i)[0]);
        return random(sum) < kept ? i : alias(p, i);
    }

    static std::uint32_t alias(const pk::pick& p, std::uint32_t i) noexcept {
        return static_cast<std::uint32_t>(p.words(i)[1] & 0xffffffff);
    }

    // Some are out: their number decides what it costs.
    static std::uint32_t draw_of_some(const pk::pick& p, bits& random) noexcept {
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < p.count(); ++i) sum += weight(p, p.candidate(i));
        std::uint64_t left = random(sum);
        for (std::uint32_t i = 0; i + 1 < p.count(); ++i) {
            const auto w = weight(p, p.candidate(i));
            if (left < w) return p.candidate(i);
            left -= w;
        }
        return p.candidate(p.count() - 1);
    }

    // Each endpoint's column is `sum` high and holds count * weight: light ones are filled up from
    // heavy ones, in one sweep from either kind.
    static void build(const pk::pick& p) noexcept {
        const std::uint32_t n = p.endpoint_count();
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < n; ++i) sum += weight(p, i);
        const auto height = [&](std::uint32_t i) { return weight(p, i) * n; };
        const auto next = [&](std::uint32_t from, bool heavy) {
            while (from < n && (height(from) > sum) != heavy) ++from;
            return from;
        };
        const auto set = [&](std::uint32_t i, std::uint64_t kept, std::uint32_t other) {
            p.words(i)[0] = static_cast<std::int64_t>(kept);
            p.words(i)[1] = other;
        };
        for (std::uint32_t i = 0; i < n; ++i) set(i, sum, i);
        std::uint32_t light = next(0, false), heavy = next(0, true);
        std::uint64_t left = heavy < n ? height(heavy) : 0;
        while (heavy < n) {
            if (left > sum) {  // It has more than its own column: fills the next light one.
                set(light, height(light), heavy);
                left -= sum - height(light);
                light = next(light + 1, false);
            } else {  // It has become light itself: the next heavy one fills it.
                const std::uint32_t other = next(heavy + 1, true);
                if (other == n) break;  // Exactly full.
                set(heavy, left, other);
                left = height(other) - (sum - left);
                heavy = other;
            }
        }
        p.words(0)[1] |= static_cast<std::int64_t>(sum << 32);
    }
};

}  // namespace

PKERNEL_PLUGIN("random_two", "1.0.0",
               "Of two endpoints at random, the one with fewer requests in flight.",
               pk::balancer<random_two>);

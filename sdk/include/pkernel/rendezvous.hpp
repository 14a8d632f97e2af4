// Rendezvous hashing for balancers: a key stays with its endpoint whatever becomes of the others.
//
// Each endpoint draws a lot for each key, the heavier the luckier, and the best lot wins. So an
// endpoint that goes takes only its own keys with it, and one that comes takes only those that it
// wins: nothing moves between those that stay. Lots depend on the endpoint's address and nothing
// else: other workers, other processes and the next start agree.
//
// Keys fall into 65,536 slots whose winners are remembered, so that a choice costs one look; the
// first of a slot costs one draw an endpoint.

#pragma once

#include <pkernel/balancer.hpp>

#include <cmath>
#include <cstring>
#include <vector>

namespace pk {

// Every bit of the answer depends on every bit of `x`. Not for secrets.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// The same on every machine and in every version. Whoever chooses the bytes can choose the answer.
inline std::uint64_t hash_of(std::string_view bytes) noexcept {
    std::uint64_t h = 0x9e3779b97f4a7c15u ^ bytes.size();
    while (!bytes.empty()) {
        std::uint64_t word = 0;
        const auto n = std::min(bytes.size(), sizeof word);
        std::memcpy(&word, bytes.data(), n);
        h = mix(h ^ word) + 0x9e3779b97f4a7c15u;
        bytes.remove_prefix(n);
    }
    return mix(h);
}

// One of it an instance; each worker has a part of its own in it. A choice throws std::bad_alloc
// at most once a worker, and allocates nothing after that while the snapshot stays.
class rendezvous {
public:
    static constexpr std::uint32_t slots = 1 << 16;

    explicit rendezvous(std::uint32_t workers) : parts_(workers) {}

    // [worker] The winner among the candidates.
    std::uint32_t winner(const pick& p, std::uint64_t key) const {
        part& mine = part_of(p);
        const auto slot = static_cast<std::uint32_t>(key >> 48);
        std::uint32_t& known = mine.winners[slot];
        if (known == 0) {
            known = 1 + best(
                            p, mine, slot, p.endpoint_count(), [](std::uint32_t i) { return i; },
                            [](std::uint32_t) { return true; });
        }
        if (is_candidate(p, known - 1)) return known - 1;
        return best_candidate(p, mine, slot, [](std::uint32_t) { return true; });
    }

    // [worker] The best of those candidates that `lets` says yes to, or no_endpoint.
    template <class F>
    std::uint32_t winner_if(const pick& p, std::uint64_t key, F&& lets) const {
        return best_candidate(p, part_of(p), static_cast<std::uint32_t>(key >> 48), lets);
    }

private:
    struct alignas(64) part {
        std::uint64_t version = 0;           // Of the snapshot that the rest is about.
        bool equal = true;                   // All weights are.
        std::vector<std::uint64_t> seeds;    // By endpoint.
        std::vector<std::uint32_t> winners;  // By slot: index + 1; 0: not known yet.
    };

    part& part_of(const pick& p) const {
        part& mine = parts_[p.worker()];
        if (mine.version != p.version() || mine.winners.empty()) renew(p, mine);
        return mine;
    }

    static void renew(const pick& p, part& mine) {
        mine.version = 0;
        mine.winners.assign(slots, 0);
        mine.seeds.resize(p.endpoint_count());
        mine.equal = true;
        for (std::uint32_t i = 0; i < p.endpoint_count(); ++i) {
            mine.seeds[i] = hash_of(view(p.endpoint(i).address));
            mine.equal = mine.equal && p.endpoint(i).weight == p.endpoint(0).weight;
        }
        mine.version = p.version();
    }

    static bool is_candidate(const pick& p, std::uint32_t index) noexcept {
        if (p.all()) return true;
        for (std::uint32_t i = 0; i < p.count(); ++i)
            if (p.candidate(i) == index) return true;
        return false;
    }

    template <class F>
    static std::uint32_t best_candidate(const pick& p, const part& mine, std::uint32_t slot,
                                        F&& lets) {
        return best(
            p, mine, slot, p.count(), [&](std::uint32_t i) { return p.candidate(i); }, lets);
    }

    // The lowest lot wins: an exponential variate of the endpoint's weight. Where all weights are
    // equal the logarithm changes no order.
    template <class At, class F>
    static std::uint32_t best(const pick& p, const part& mine, std::uint32_t slot,
                              std::uint32_t count, At&& at, F&& lets) {
        std::uint32_t found = no_endpoint;
        std::uint64_t highest = 0;
        double lowest = 0;
        for (std::uint32_t k = 0; k < count; ++k) {
            const std::uint32_t i = at(k);
            if (!lets(i)) continue;
            const std::uint64_t draw = mix(mine.seeds[i] + slot * 0x9e3779b97f4a7c15u);
            if (mine.equal) {
                if (found == no_endpoint || draw > highest) found = i, highest = draw;
                continue;
            }
            const double unit = (static_cast<double>(draw >> 11) + 0.5) * 0x1p-53;
            const double lot = -std::log(unit) / p.endpoint(i).weight;
            if (found == no_endpoint || lot < lowest) found = i, lowest = lot;
        }
        return found;
    }

    mutable std::vector<part> parts_;  // Each touched by its worker alone.
};

}  // namespace pk

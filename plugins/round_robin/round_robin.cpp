// round_robin: endpoints in turn, each as often as its weight says, and never in bursts.
//
// Each endpoint has a next turn: a point in a time of picks, one period (1 / weight) after its
// last. A pick is the earliest turn. The turns of this worker are the first word of each endpoint;
// the second words together are a heap of endpoints by turn, so that 1,000 of them cost ten steps.
// First turns are random within a period: workers, and processes that start together, do not march
// in step.

#include <pkernel/plugin.hpp>

namespace {

// Second word of endpoint 0 where there is no heap: turns not given yet, or turns that have
// changed.
constexpr std::int64_t no_turns = 0;
constexpr std::int64_t no_heap = -1;

class round_robin {
public:
    std::uint32_t pick(const pk::pick& p) const noexcept {
        std::int64_t& mark = p.words(0)[1];
        if (mark == no_turns) {
            draw_turns(p);
            mark = no_heap;
        }
        if (!p.all()) return earliest_candidate(p);
        if (mark == no_heap) build(p);
        const std::uint32_t chosen = at(p, 0);
        advance(p, chosen);
        sink(p, 0);
        return chosen;
    }

private:
    // Turns wrap around in the end, so they are compared by their distance.
    static bool before(std::int64_t a, std::int64_t b) noexcept {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) -
                                         static_cast<std::uint64_t>(b)) < 0;
    }

    static std::int64_t& turn(const pk::pick& p, std::uint32_t index) noexcept {
        return p.words(index)[0];
    }

    static std::uint64_t period(const pk::pick& p, std::uint32_t index) noexcept {
        return (std::uint64_t{1} << 40) / p.endpoint(index).weight;
    }

    static void advance(const pk::pick& p, std::uint32_t index) noexcept {
        const auto now = static_cast<std::uint64_t>(turn(p, index));
        turn(p, index) = static_cast<std::int64_t>(now + period(p, index));
    }

    // The endpoint in slot `slot` of the heap. Slots hold index + 1: zero and -1 are marks.
    static std::uint32_t at(const pk::pick& p, std::uint32_t slot) noexcept {
        return static_cast<std::uint32_t>(p.words(slot)[1] - 1);
    }

    static void put(const pk::pick& p, std::uint32_t slot, std::uint32_t index) noexcept {
        p.words(slot)[1] = std::int64_t{index} + 1;
    }

    static void draw_turns(const pk::pick& p) noexcept {
        std::uint64_t bits = p.random() | 1;
        for (std::uint32_t i = 0; i < p.endpoint_count(); ++i) {
            bits ^= bits << 13;  // xorshift64: one random word was given, many are needed
            bits ^= bits >> 7;
            bits ^= bits << 17;
            const std::uint64_t whole = period(p, i);
            turn(p, i) = static_cast<std::int64_t>(whole == 0 ? 0 : bits % whole);
        }
    }

    static void build(const pk::pick& p) noexcept {
        const std::uint32_t count = p.endpoint_count();
        for (std::uint32_t i = 0; i < count; ++i) put(p, i, i);
        for (std::uint32_t i = count / 2; i > 0; --i) sink(p, i - 1);
    }

    // Puts the endpoint of `slot`, whose turn has become later, back in order.
    static void sink(const pk::pick& p, std::uint32_t slot) noexcept {
        const std::uint32_t count = p.endpoint_count();
        const std::uint32_t moving = at(p, slot);
        const std::int64_t when = turn(p, moving);
        while (true) {
            std::uint32_t child = 2 * slot + 1;
            if (child >= count) break;
            std::uint32_t earlier = at(p, child);
            if (child + 1 < count && before(turn(p, at(p, child + 1)), turn(p, earlier))) {
                earlier = at(p, ++child);
            }
            if (!before(turn(p, earlier), when)) break;
            put(p, slot, earlier);
            slot = child;
        }
        put(p, slot, moving);
    }

    // Some endpoints are out. Turns that they miss are gone: one that comes back gets its share
    // from then on, not all at once what it has missed.
    static std::uint32_t earliest_candidate(const pk::pick& p) noexcept {
        std::uint32_t chosen = p.candidate(0);
        for (std::uint32_t i = 1; i < p.count(); ++i) {
            if (before(turn(p, p.candidate(i)), turn(p, chosen))) chosen = p.candidate(i);
        }
        const std::int64_t now = turn(p, chosen);
        for (std::uint32_t i = 0; i < p.endpoint_count(); ++i) {
            if (before(turn(p, i), now)) turn(p, i) = now;
        }
        advance(p, chosen);
        p.words(0)[1] = no_heap;
        return chosen;
    }
};

}  // namespace

PKERNEL_PLUGIN("round_robin", "1.0.0", "Endpoints in turn, each as often as its weight says.",
               pk::balancer<round_robin>);

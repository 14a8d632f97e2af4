// least_conn: the endpoint with the fewest requests in flight for its weight, counted over all
// workers.
//
// Among equals it is turns, as often as the weight says: an idle system would else send everything
// to the first. A turn is a point in a time of picks, one period (1 / weight) after the last; one
// that was busy misses its turns and is not flooded for them. The turns of this worker are the
// first word of each endpoint; the second word of endpoint 0 is the latest turn taken.

#include <pkernel/plugin.hpp>

namespace {

class least_conn {
public:
    static constexpr bool uses_in_flight = true;

    std::uint32_t pick(const pk::pick& p) const noexcept {
        std::int64_t& now = p.words(0)[1];
        if (now == 0) {
            draw_turns(p);
            now = 1;
        }
        const std::uint32_t chosen =
            p.all() ? least(p, now, [](std::uint32_t i) { return i; })
                    : least(p, now, [&](std::uint32_t i) { return p.candidate(i); });
        now = turn(p.words(chosen)[0], now);
        p.words(chosen)[0] = later(now, period(p.endpoint(chosen).weight));
        return chosen;
    }

private:
    // The least busy candidate; of equals the one whose turn is first. One look at each: what does
    // not change is read once.
    template <class At>
    static std::uint32_t least(const pk::pick& p, std::int64_t now, At&& at) noexcept {
        const auto* first = reinterpret_cast<const char*>(p.raw().endpoints->first);
        const std::size_t stride = p.raw().endpoints->stride;
        const std::int64_t* words = p.words(0);
        const std::uint32_t count = p.count();
        std::uint32_t chosen = PK_NO_ENDPOINT;
        std::uint64_t requests = 0, weight = 0;
        std::int64_t turn_of_chosen = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t index = at(i);
            const auto& e = *reinterpret_cast<const pk_endpoint*>(first + stride * index);
            const std::uint64_t n = __atomic_load_n(&e.shared->in_flight, __ATOMIC_RELAXED);
            const std::uint64_t ours = n * weight, best = requests * e.weight;
            if (chosen != PK_NO_ENDPOINT && ours > best) continue;
            const std::int64_t due = turn(words[std::size_t{2} * index], now);
            if (chosen != PK_NO_ENDPOINT && ours == best && !before(due, turn_of_chosen)) continue;
            chosen = index;
            requests = n;
            weight = e.weight;
            turn_of_chosen = due;
        }
        return chosen;
    }

    static std::uint64_t period(std::uint64_t weight) noexcept {
        return (std::uint64_t{1} << 32) / weight;
    }

    // Turns wrap around in the end, so they are compared by their distance.
    static std::int64_t later(std::int64_t turn, std::uint64_t by) noexcept {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(turn) + by);
    }
    static bool before(std::int64_t a, std::int64_t b) noexcept {
        return later(a, ~static_cast<std::uint64_t>(b) + 1) < 0;
    }

    // One that was missed counts from now.
    static std::int64_t turn(std::int64_t own, std::int64_t now) noexcept {
        return before(own, now) ? now : own;
    }

    // Random within a period, so that workers, and processes that start together, do not march in
    // step.
    static void draw_turns(const pk::pick& p) noexcept {
        std::uint64_t bits = p.random() | 1;
        for (std::uint32_t i = 0; i < p.endpoint_count(); ++i) {
            bits ^= bits << 13;  // xorshift64: one random word was given, many are needed
            bits ^= bits >> 7;
            bits ^= bits << 17;
            p.words(i)[0] = later(1, bits % period(p.endpoint(i).weight));
        }
    }
};

}  // namespace

PKERNEL_PLUGIN("least_conn", "1.0.0",
               "The endpoint with the fewest requests in flight for its weight.",
               pk::balancer<least_conn>);

// F43: when an overloaded worker refuses, by a clock that the test moves.

#include "kernel/stream/admission.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using pkernel::net::instant;
using pkernel::net::nanoseconds;
using pkernel::stream::admission;

namespace {

constexpr nanoseconds limit = 50ms;

// A worker whose loop turns as it is told.
struct worker {
    // A turn in which each of `requests` that are taken costs `each`, after `asleep`; how many
    // were taken.
    int turn(int requests, nanoseconds each, nanoseconds asleep = 0ns) {
        const instant last = began;
        now += asleep;
        idle += asleep;
        began = now;
        const admission::load l{began, asleep > 0ns ? began : last, idle};
        int taken = 0;
        for (int i = 0; i < requests; ++i) {
            const bool yes = under_test.admit(l, limit, [this] { return now; });
            now += yes ? each : refusal;
            taken += yes;
        }
        return taken;
    }
    // Until it refuses; how long that took.
    nanoseconds overload() {
        const instant from = now;
        while (!under_test.refusing() && now - from < 5s) turn(60, 1ms);
        BOOST_REQUIRE(under_test.refusing());
        return now - from;
    }

    static constexpr nanoseconds refusal = 15us;
    static inline nanoseconds waited{};
    admission under_test{[]() noexcept { return waited; }};
    instant now = 1000s, began = 1000s;
    nanoseconds idle{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(admission_)

BOOST_AUTO_TEST_CASE(a_worker_that_sleeps_takes_everything) {
    worker w;
    for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(w.turn(10, 10ms, 20ms) == 10);
}

BOOST_AUTO_TEST_CASE(a_burst_is_taken_whole) {
    worker w;
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(w.turn(190, 1ms) == 190);
        BOOST_TEST(w.turn(8, 1ms, 100ms) == 8);
    }
}

BOOST_AUTO_TEST_CASE(what_lasts_is_overload) {
    worker w;
    const auto took = w.overload();
    BOOST_TEST((took >= admission::interval));
    BOOST_TEST((took <= admission::interval * 3));
}

// All clients ask again when all have been answered, and there the loop sleeps for a moment.
BOOST_AUTO_TEST_CASE(clients_in_step_are_overload_too) {
    worker w;
    const instant from = w.now;
    while (!w.under_test.refusing() && w.now - from < 5s) w.turn(60, 1ms, 100us);
    BOOST_TEST(w.under_test.refusing());
}

BOOST_AUTO_TEST_CASE(most_of_its_time_goes_to_those_that_are_taken) {
    worker w;
    w.overload();
    const instant from = w.now;
    int taken = 0;
    for (double waiting = 60; w.now - from < 2s;) {  // Four arrive in each millisecond.
        const instant before = w.now;
        taken += w.turn(static_cast<int>(waiting), 1ms);
        waiting = std::max(1.0, static_cast<double>((w.now - before).count()) / 250'000);
    }
    BOOST_TEST(taken > 1800);  // Of 2,000 that it can do.
    BOOST_TEST(w.under_test.refusing());
}

BOOST_AUTO_TEST_CASE(who_is_refused_hears_it_soon) {
    worker w;
    w.overload();
    for (int i = 0; i < 100; ++i) {
        const instant before = w.now;
        w.turn(20, 1ms);
        BOOST_REQUIRE((w.now - before < 5ms));
    }
}

BOOST_AUTO_TEST_CASE(it_ends_when_the_worker_sleeps_again) {
    worker w;
    w.overload();
    const instant from = w.now;
    while (w.under_test.refusing() && w.now - from < 5s) w.turn(2, 1ms, 1ms);
    BOOST_TEST((w.now - from <= admission::interval * 3));
    BOOST_TEST(w.turn(10, 1ms, 1ms) == 10);
}

BOOST_AUTO_TEST_CASE(or_when_nothing_has_come_for_long) {
    worker w;
    w.overload();
    BOOST_TEST(w.turn(1, 1ms, 10s) == 1);
    BOOST_TEST(!w.under_test.refusing());
}

// Stopped for three seconds inside a turn: what waited meanwhile is served.
BOOST_AUTO_TEST_CASE(a_process_that_was_stopped_is_not_overloaded) {
    worker w;
    w.turn(20, 1ms, 1ms);
    w.now += 3s;
    BOOST_TEST(w.turn(150, 1ms) == 150);
}

// 10,000 at a time of 20 us each are 200 ms of waiting, and refusing them would cost as much as
// serving them.
BOOST_AUTO_TEST_CASE(requests_that_cost_no_more_than_a_refusal_are_never_refused) {
    worker w;
    for (int i = 0; i < 50; ++i) BOOST_REQUIRE(w.turn(10'000, 20us) == 10'000);
}

// Its neighbours have the processor nine tenths of the time: each request takes 300 us by the
// clock, and 30 of its own.
BOOST_AUTO_TEST_CASE(a_worker_whose_neighbours_are_busy_is_not_overloaded) {
    worker w;
    for (int i = 0; i < 50; ++i) {
        BOOST_REQUIRE(w.turn(200, 300us) == 200);
        worker::waited += 54ms;
    }
}

BOOST_AUTO_TEST_CASE(zero_is_no_limit) {
    admission a;
    for (int i = 0; i < 100; ++i)
        BOOST_REQUIRE(a.admit({instant(0s), instant(0s), 0ns}, 0ns, [&] { return i * 1s; }));
}

BOOST_AUTO_TEST_SUITE_END()

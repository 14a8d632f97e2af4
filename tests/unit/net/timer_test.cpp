// The wheel against a sorted list, with time as an argument: nothing sleeps.

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "kernel/net/timer.hpp"

using namespace std::chrono_literals;
using pkernel::net::instant;
using pkernel::net::timer;
using pkernel::net::timer_wheel;

namespace {

struct recorded {
    explicit recorded(timer_wheel& w) : wheel(w), t(&fire, this) {}
    static void fire(void* self) { ++static_cast<recorded*>(self)->fired; }
    void arm(instant at) { t.arm(wheel, at); }
    timer_wheel& wheel;
    timer t;
    int fired = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(timers)

BOOST_AUTO_TEST_CASE(fires_at_its_deadline_and_once) {
    timer_wheel wheel(1s);
    recorded r(wheel);
    r.arm(1s + 50ms);
    wheel.advance(1s + 49ms);
    BOOST_TEST(r.fired == 0);
    wheel.advance(1s + 52ms);
    BOOST_TEST(r.fired == 1);
    wheel.advance(10s);
    BOOST_TEST(r.fired == 1);
    BOOST_TEST(wheel.until_next(10s).count() < 0);
}

BOOST_AUTO_TEST_CASE(what_is_held_counts_for_no_deadline) {
    timer_wheel wheel(1s);
    recorded before(wheel), long_before(wheel), after(wheel);
    before.arm(1s + 50ms);
    long_before.arm(100s);
    wheel.hold(7s);
    BOOST_TEST((wheel.until_next(8s) > 40ms && wheel.until_next(8s) <= 52ms));
    after.arm(8s + 20ms);
    wheel.advance(8s + 19ms);
    BOOST_TEST(after.fired == 0);
    wheel.advance(8s + 22ms);
    BOOST_TEST(after.fired == 1);
    BOOST_TEST(before.fired == 0);
    wheel.advance(8s + 52ms);
    BOOST_TEST(before.fired == 1);
    wheel.advance(106s);
    BOOST_TEST(long_before.fired == 0);
    wheel.advance(107s + 200ms);
    BOOST_TEST(long_before.fired == 1);
}

BOOST_AUTO_TEST_CASE(moved_later_fires_at_the_later_time_only) {
    timer_wheel wheel(0s);
    recorded r(wheel);
    r.arm(100ms);
    for (int i = 1; i < 50; ++i) {
        wheel.advance(i * 10ms);
        r.arm(i * 10ms + 100ms);
    }
    BOOST_TEST(r.fired == 0);
    wheel.advance(592ms);
    BOOST_TEST(r.fired == 1);
}

BOOST_AUTO_TEST_CASE(moved_earlier_fires_earlier) {
    timer_wheel wheel(0s);
    recorded r(wheel);
    r.arm(1h);
    r.arm(20ms);
    wheel.advance(22ms);
    BOOST_TEST(r.fired == 1);
}

BOOST_AUTO_TEST_CASE(cancelled_never_fires) {
    timer_wheel wheel(0s);
    recorded r(wheel);
    r.arm(5ms);
    r.t.cancel();
    wheel.advance(1h);
    BOOST_TEST(r.fired == 0);
    BOOST_TEST(wheel.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_deadline_beyond_the_wheel_is_kept) {
    timer_wheel wheel(0s);
    recorded r(wheel);
    r.arm(24h);
    wheel.advance(23h + 59min);
    BOOST_TEST(r.fired == 0);
    wheel.advance(24h + 1s);
    BOOST_TEST(r.fired == 1);
}

BOOST_AUTO_TEST_CASE(a_timer_may_arm_itself_and_destroy_another_when_it_fires) {
    timer_wheel wheel(0s);
    auto victim = std::make_unique<recorded>(wheel);
    struct killer {
        std::unique_ptr<recorded>* victim;
        timer* self;
        timer_wheel* wheel;
        int fired = 0;
    } k{&victim, nullptr, &wheel};
    timer t(
        [](void* p) {
            auto* me = static_cast<killer*>(p);
            me->victim->reset();
            if (++me->fired < 3) me->self->arm(*me->wheel, me->fired * 100ms);
        },
        &k);
    k.self = &t;
    t.arm(wheel, 10ms);
    victim->arm(10ms);
    wheel.advance(1s);
    BOOST_TEST(k.fired == 3);
}

BOOST_AUTO_TEST_CASE(agrees_with_a_sorted_list_over_random_times) {
    std::mt19937_64 random(7);
    timer_wheel wheel(0s);
    std::vector<std::unique_ptr<recorded>> all;
    std::vector<instant> deadline;
    for (int i = 0; i < 2000; ++i) {
        all.push_back(std::make_unique<recorded>(wheel));
        deadline.push_back(instant(random() % 20'000'000'000'000u));
        all.back()->arm(deadline.back());
    }
    const instant slack = 3ms;
    for (instant now = 0s; now < 20001s; now += instant(random() % 60'000'000'000u)) {
        wheel.advance(now);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (deadline[i] + slack < now) BOOST_REQUIRE(all[i]->fired == 1);
            if (deadline[i] > now) BOOST_REQUIRE(all[i]->fired == 0);
        }
    }
    wheel.advance(30000s);
    BOOST_TEST(wheel.size() == 0u);
}

BOOST_AUTO_TEST_CASE(until_next_is_never_past_a_deadline) {
    std::mt19937_64 random(11);
    timer_wheel wheel(0s);
    recorded r(wheel);
    for (int i = 0; i < 1000; ++i) {
        const instant at(random() % 4'000'000'000'000u);
        r.arm(at);
        BOOST_REQUIRE(wheel.until_next(0s) <= at + 2ms);
    }
}

BOOST_AUTO_TEST_SUITE_END()

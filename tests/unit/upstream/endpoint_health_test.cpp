// What several sources say of an endpoint, and who may try one that is down.

#include <boost/test/unit_test.hpp>

#include "kernel/upstream/endpoint_health.hpp"

using namespace std::chrono_literals;
using pkernel::upstream::endpoint_health;

namespace {

bool say(endpoint_health& h, std::uint32_t source, std::uint32_t state,
         std::chrono::nanoseconds now = 100s, std::chrono::nanoseconds for_time = 0s,
         std::string_view why = "") {
    const pk_health_state s{
        sizeof s, state, static_cast<std::uint64_t>(for_time.count()), {why.data(), why.size()}};
    return h.publish(source, s, now);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(upstream_endpoint_health)

BOOST_AUTO_TEST_CASE(one_source_that_says_down_is_enough) {
    endpoint_health h;
    BOOST_TEST(!h.down());
    BOOST_TEST(!say(h, 0, PK_HEALTH_UP));
    BOOST_TEST(say(h, 1, PK_HEALTH_DOWN));
    BOOST_TEST(h.down());
    BOOST_TEST(!say(h, 2, PK_HEALTH_DOWN));
    BOOST_TEST(!say(h, 1, PK_HEALTH_UP));
    BOOST_TEST(h.down());
    BOOST_TEST(say(h, 2, PK_HEALTH_UNKNOWN));
    BOOST_TEST(!h.down());
}

BOOST_AUTO_TEST_CASE(each_is_shown_with_its_reason) {
    endpoint_health h;
    say(h, 0, PK_HEALTH_DOWN, 1s, 1s, "three in a row");
    say(h, 1, PK_HEALTH_UP, 1s, 0s, std::string(1000, 'x'));
    BOOST_TEST(h.said(0) == "down: three in a row");
    BOOST_TEST(h.said(1) == "up: " + std::string(endpoint_health::reason_bytes_max, 'x'));
    BOOST_TEST(h.said(2) == "unknown");
}

BOOST_AUTO_TEST_CASE(after_its_time_one_a_second_may_try) {
    endpoint_health h;
    say(h, 0, PK_HEALTH_DOWN, 100s, 30s);
    BOOST_TEST(!h.trial_due(129s, false));
    BOOST_TEST(h.trial_due(130s, false));
    BOOST_TEST(h.begin_trial(130s, false));
    BOOST_TEST(!h.begin_trial(130s, false));
    BOOST_TEST(!h.begin_trial(130s + 999ms, false));
    BOOST_TEST(h.begin_trial(131s, false));
    BOOST_TEST(h.down());
    say(h, 0, PK_HEALTH_DOWN, 131s + 1ms, 60s);
    BOOST_TEST(!h.begin_trial(140s, false));
    BOOST_TEST(h.begin_trial(192s, false));
}

BOOST_AUTO_TEST_CASE(before_it_only_if_nobody_else_is_up) {
    endpoint_health h;
    say(h, 0, PK_HEALTH_DOWN, 100s, 30s);
    BOOST_TEST(!h.trial_due(100s + 499ms, true));  // It has failed just now.
    BOOST_TEST(h.begin_trial(100s + 500ms, true));
    BOOST_TEST(!h.begin_trial(100s + 999ms, true));
    BOOST_TEST(h.begin_trial(101s, true));
}

BOOST_AUTO_TEST_CASE(no_trial_where_a_source_wants_none) {
    endpoint_health h;
    say(h, 0, PK_HEALTH_DOWN, 100s, 1s);
    say(h, 1, PK_HEALTH_DOWN, 100s, 0s);
    BOOST_TEST(!h.trial_due(1000s, false));
    BOOST_TEST(!h.trial_due(1000s, true));
    say(h, 1, PK_HEALTH_UP, 100s);
    BOOST_TEST(h.trial_due(1000s, false));
}

BOOST_AUTO_TEST_CASE(words_are_a_sources_own) {
    endpoint_health h;
    h.words(0)[3] = 7;
    BOOST_TEST(h.words(1)[0] == 0u);
    BOOST_TEST(h.words(0)[3] == 7u);
}

BOOST_AUTO_TEST_SUITE_END()

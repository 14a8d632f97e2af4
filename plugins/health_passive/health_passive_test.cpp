// When an endpoint is left out, for how long, and what brings it back.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using namespace std::chrono_literals;
using pk::testing::health_under_test;

BOOST_AUTO_TEST_SUITE(health_passive)

BOOST_AUTO_TEST_CASE(three_failures_in_a_row_take_it_out_for_thirty_seconds) {
    health_under_test plugin(2);
    plugin.outcome(0, PK_FAIL_REFUSED);
    plugin.outcome(0, PK_FAIL_HEAD_TIMEOUT);
    BOOST_TEST(plugin.of(0).times == 0u);
    plugin.outcome(0, PK_FAIL_RESET);
    BOOST_TEST(plugin.down(0));
    BOOST_TEST((plugin.of(0).trial_after == 30s));
    BOOST_TEST(plugin.of(0).reason == "3 failures in a row, the last connection closed");
    BOOST_TEST(plugin.of(1).times == 0u);
}

BOOST_AUTO_TEST_CASE(a_success_between_them_begins_anew) {
    health_under_test plugin(1);
    for (int i = 0; i < 10; ++i) {
        plugin.outcome(0, PK_FAIL_REFUSED);
        plugin.outcome(0, PK_FAIL_REFUSED);
        plugin.outcome(0, PK_FAIL_NONE, 200);
    }
    BOOST_TEST(plugin.of(0).times == 0u);
}

BOOST_AUTO_TEST_CASE(so_do_failures_that_are_too_far_apart) {
    health_under_test plugin(1, "window: 10s");
    plugin.outcome(0, PK_FAIL_REFUSED);
    plugin.outcome(0, PK_FAIL_REFUSED);
    plugin.advance(11s);
    plugin.outcome(0, PK_FAIL_REFUSED);
    plugin.outcome(0, PK_FAIL_REFUSED);
    BOOST_TEST(!plugin.down(0));
    plugin.outcome(0, PK_FAIL_REFUSED);
    BOOST_TEST(plugin.down(0));
}

BOOST_AUTO_TEST_CASE(statuses_count_when_they_are_named) {
    health_under_test plain(1, "failures: 1");
    plain.outcome(0, PK_FAIL_NONE, 503);
    BOOST_TEST(!plain.down(0));
    health_under_test named(1, "failures: 1, on: [\"503\"]");
    named.outcome(0, PK_FAIL_REFUSED);
    named.outcome(0, PK_FAIL_NONE, 500);
    BOOST_TEST(!named.down(0));
    named.outcome(0, PK_FAIL_NONE, 503);
    BOOST_TEST(named.down(0));
    BOOST_TEST(named.of(0).reason == "1 failure: status 503");
    health_under_test retried(1, "failures: 1, on: [\"503\"]");
    retried.outcome(0, PK_FAIL_STATUS, 503);
    BOOST_TEST(retried.down(0));
}

BOOST_AUTO_TEST_CASE(a_cut_body_is_a_reset) {
    health_under_test plugin(1, "failures: 1");
    plugin.outcome(0, PK_FAIL_BODY, 200);
    BOOST_TEST(plugin.down(0));
    health_under_test other(1, "failures: 1, on: [timeout]");
    other.outcome(0, PK_FAIL_BODY, 200);
    BOOST_TEST(!other.down(0));
}

BOOST_AUTO_TEST_CASE(what_was_under_way_says_nothing_more) {
    health_under_test plugin(1);
    for (int i = 0; i < 20; ++i) plugin.outcome(0, PK_FAIL_RESET);
    BOOST_TEST(plugin.of(0).times == 1u);
    plugin.outcome(0, PK_FAIL_NONE, 200);
    BOOST_TEST(plugin.down(0));
}

BOOST_AUTO_TEST_CASE(each_trial_that_fails_doubles_the_time) {
    health_under_test plugin(1, "failures: 1, cooldown: 10s, cooldown_max: 1m");
    plugin.outcome(0, PK_FAIL_REFUSED);
    const std::chrono::nanoseconds times[] = {20s, 40s, 60s, 60s};
    for (const auto time : times) {
        plugin.outcome(0, PK_FAIL_REFUSED, 0, PK_TRIAL_DUE);
        BOOST_TEST((plugin.of(0).trial_after == time));
    }
    BOOST_TEST(plugin.of(0).reason == "tried again: connect refused");
    plugin.outcome(0, PK_FAIL_NONE, 200, PK_TRIAL_DUE);
    BOOST_TEST(plugin.of(0).state == +PK_HEALTH_UP);
    plugin.outcome(0, PK_FAIL_REFUSED);
    BOOST_TEST((plugin.of(0).trial_after == 10s));
}

BOOST_AUTO_TEST_CASE(the_longest_time_is_never_less_than_the_first) {
    health_under_test plugin(1, "failures: 1, cooldown: 1h");
    plugin.outcome(0, PK_FAIL_REFUSED);
    plugin.outcome(0, PK_FAIL_REFUSED, 0, PK_TRIAL_DUE);
    BOOST_TEST((plugin.of(0).trial_after == 1h));
}

BOOST_AUTO_TEST_CASE(one_out_of_turn_can_only_help) {
    health_under_test plugin(1, "failures: 1, cooldown: 10s");
    plugin.outcome(0, PK_FAIL_REFUSED);
    plugin.outcome(0, PK_FAIL_REFUSED, 0, PK_TRIAL_EARLY);
    plugin.outcome(0, PK_FAIL_REFUSED, 0, PK_TRIAL_FORCED);
    BOOST_TEST(plugin.of(0).times == 1u);
    plugin.outcome(0, PK_FAIL_NONE, 200, PK_TRIAL_EARLY);
    BOOST_TEST(plugin.of(0).state == +PK_HEALTH_UP);
}

BOOST_AUTO_TEST_CASE(no_more_are_out_than_may_be) {
    health_under_test plugin(4, "failures: 1, max_ejected: 50");
    for (std::uint32_t i = 0; i < 4; ++i) plugin.outcome(i, PK_FAIL_REFUSED);
    BOOST_TEST(plugin.down(0));
    BOOST_TEST(plugin.down(1));
    BOOST_TEST(!plugin.down(2));
    BOOST_TEST(!plugin.down(3));
    plugin.outcome(0, PK_FAIL_NONE, 200, PK_TRIAL_DUE);
    plugin.outcome(3, PK_FAIL_REFUSED);
    BOOST_TEST(plugin.down(3));
}

BOOST_AUTO_TEST_CASE(by_default_all_of_them_may) {
    health_under_test plugin(1, "failures: 1");
    plugin.outcome(0, PK_FAIL_REFUSED);
    BOOST_TEST(plugin.down(0));
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_its_options) {
    BOOST_TEST(health_under_test::load_error("on: [errors]").find("'errors' is none of") !=
               std::string::npos);
    BOOST_TEST(!health_under_test::load_error("failures: 0").empty());
    BOOST_TEST(!health_under_test::load_error("max_ejected: 101").empty());
}

BOOST_AUTO_TEST_CASE(allocates_nothing_while_all_is_well) {
    health_under_test plugin(1);
    pk::testing::plugin_under_test::allocations();
    for (int i = 0; i < 100; ++i) plugin.outcome(0, i % 2 ? PK_FAIL_NONE : PK_FAIL_RESET, 200);
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

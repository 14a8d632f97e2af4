#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#include <vector>

#include "kernel/runtime/fd_budget.hpp"
#include "kernel/runtime/privileges.hpp"
#include "kernel/runtime/restart_policy.hpp"
#include "kernel/runtime/signals.hpp"

using namespace pkernel::runtime;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(policies)

BOOST_AUTO_TEST_CASE(engines_that_die_young_wait_longer_and_longer) {
    restart_policy policy;
    std::vector<long> pauses;
    for (int i = 0; i < 13; ++i) pauses.push_back(policy.after_death(milliseconds(0)).count());
    const std::vector<long> expected{0,    0,    0,    100,   200,   400,  800,
                                     1600, 3200, 6400, 10000, 10000, 10000};
    BOOST_TEST(pauses == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_good_life_makes_up_for_all) {
    restart_policy policy;
    for (int i = 0; i < 100; ++i) policy.after_death(milliseconds(999));
    BOOST_TEST(policy.after_death(milliseconds(1000)).count() == 0);
}

BOOST_AUTO_TEST_CASE(descriptors_bound_the_connections) {
    BOOST_TEST(make_fd_budget(64, 1, 1).connections_max == 17u);
    BOOST_TEST(make_fd_budget(20000, 4, 8).connections_max == 9976u);
    BOOST_TEST(make_fd_budget(10, 1, 1).connections_max == 0u);
    BOOST_TEST(make_fd_budget(~0ull, 1, 1).connections_max == connections_ceiling);
    const auto now = raise_fd_limit();
    BOOST_TEST(now > 0u);
    BOOST_TEST(raise_fd_limit() == now);
}

BOOST_AUTO_TEST_CASE(signals_and_accounts_have_names) {
    BOOST_TEST(signal_name(9) == "SIGKILL");
    BOOST_TEST(signal_name(40) == "signal 40");
    BOOST_TEST(find_account("root")->uid == 0u);
    BOOST_TEST(!find_account("nobody of that name"));
}

BOOST_AUTO_TEST_SUITE_END()

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

BOOST_AUTO_TEST_CASE(picks_the_first_candidate) {
    pk::testing::balancer_under_test balancer({{"127.0.0.1:1"}, {"127.0.0.1:2"}, {"127.0.0.1:3"}});
    BOOST_TEST(balancer.pick() == 0u);
    BOOST_TEST(balancer.pick(0, {2, 1}) == 2u);
}

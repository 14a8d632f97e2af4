#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

BOOST_AUTO_TEST_CASE(says_how_a_request_ended) {
    pk::testing::log_under_test log;
    log.record({.status = 404});
    BOOST_TEST(log.host().lines.back().second == "answered 404, complete");
}

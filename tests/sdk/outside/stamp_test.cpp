#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;

BOOST_AUTO_TEST_CASE(stamps_each_response) {
    plugin_under_test plugin("mark: seen");
    auto ex = plugin.get();
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.response(200).passes());
    BOOST_TEST(ex.response_field("x-stamp") == "seen");
}

BOOST_AUTO_TEST_CASE(refuses_a_mark_that_says_nothing) {
    BOOST_TEST(plugin_under_test::load_error("mark: none") == "mark: a stamp says something");
}

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;

BOOST_AUTO_TEST_CASE(lets_through_who_has_a_name) {
    plugin_under_test plugin;
    auto ex = plugin.send({.fields = "x-name: ann", .upgrade = "chat"});
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.response(101, "upgrade: chat").passes());
    BOOST_TEST(ex.tunnelling());
}

BOOST_AUTO_TEST_CASE(sends_away_who_has_none) {
    plugin_under_test plugin;
    BOOST_TEST(plugin.send({.upgrade = "chat"}).head().status() == 403u);
}

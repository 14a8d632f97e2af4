// Drives the built .so through the C ABI, with the SDK's fake host in the kernel's place.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;

BOOST_AUTO_TEST_SUITE(max_body)

// [test]
BOOST_AUTO_TEST_CASE(passes_a_body_exactly_at_the_limit) {
    plugin_under_test plugin("limit: 4B");
    auto ex = plugin.post("content-length: 4");
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.body("abcd").passes());
}

BOOST_AUTO_TEST_CASE(refuses_a_declared_length_before_reading_the_body) {
    plugin_under_test plugin("limit: 4B");
    auto ex = plugin.post("content-length: 5");
    BOOST_TEST(ex.head().status() == 413);
}
// [test]

BOOST_AUTO_TEST_CASE(counts_a_chunked_body_across_reads) {
    plugin_under_test plugin("limit: 4B");
    auto ex = plugin.post("transfer-encoding: chunked");
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.body("abc").passes());
    BOOST_TEST(ex.body("de").status() == 413);
}

BOOST_AUTO_TEST_CASE(rejects_a_zero_limit_when_the_config_is_read) {
    BOOST_TEST(plugin_under_test::load_error("limit: 0B") == "limit: 0B is less than 1");
    BOOST_TEST(plugin_under_test::load_error("limit: 0") == "limit: 0 is less than 1");
}

BOOST_AUTO_TEST_CASE(takes_its_limit_as_the_bare_value_and_has_a_default) {
    plugin_under_test bare("2B");
    BOOST_TEST(bare.post("content-length: 3").head().status() == 413);
    plugin_under_test by_default("");
    BOOST_TEST(by_default.post("content-length: 1048576").head().passes());
    BOOST_TEST(by_default.post("content-length: 1048577").head().status() == 413);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

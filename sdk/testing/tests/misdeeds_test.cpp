// Whoever breaks the contract is named, and what the kernel would do about it is done.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;

namespace {

using names = std::vector<std::string>;

struct row {
    const char* path;
    const char* violation;
    std::uint32_t status;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(misdeeds)

BOOST_AUTO_TEST_CASE(each_breach_is_named) {
    const row table[] = {
        {"/done", "plugin: done without reply, respond or reset", 500},
        {"/collect", "plugin: collect without collect()", 500},
        {"/verdict", "plugin: unknown verdict", 500},
        {"/thread", "plugin: status called off the worker's thread", 0},
        {"/emit", "plugin: emits more than 256 KiB in one callback", 0},
        {"/greedy", "plugin: takes more bytes than were offered", 500},
        {"/release", "plugin: releases a slice more often than it retained it", 0},
        {"/retain", "plugin: a retained slice was not released by stream_end", 0},
    };
    for (const row& r : table) {
        BOOST_TEST_CONTEXT(r.path) {
            plugin_under_test plugin;
            auto ex = plugin.post("transfer-encoding: chunked", r.path);
            ex.head();
            ex.body("abc");
            BOOST_TEST(ex.end().status() == r.status);
            ex.finish();
            BOOST_TEST(plugin.violations() == names{r.violation});
        }
    }
}

BOOST_AUTO_TEST_CASE(a_call_after_the_end_is_named) {
    plugin_under_test plugin;
    auto ex = plugin.get("/");
    ex.head();
    pk_stream* handle = ex.raw();
    ex.finish();
    BOOST_TEST(handle->api->reply(handle, 200, {}, {}) == +PK_WRONG_STATE);
    BOOST_TEST(plugin.violations() == names{"plugin: reply called after stream_end"});
}

BOOST_AUTO_TEST_CASE(a_test_that_plays_nonsense_is_named_too) {
    plugin_under_test plugin;
    auto ex = plugin.get("/");
    ex.body("x");
    ex.head();
    ex.head();
    BOOST_TEST(plugin.violations() ==
               (names{"test: request body before its head", "test: head() twice"}));
}

BOOST_AUTO_TEST_CASE(allocations_of_the_plugin_are_counted) {
    plugin_under_test plugin;
    auto ex = plugin.get("/allocate");
    plugin_under_test::allocations();
    ex.head();
    BOOST_TEST(plugin_under_test::allocations() == 2u);
    auto none = plugin.get("/");
    plugin_under_test::allocations();
    none.head();
    BOOST_TEST(plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

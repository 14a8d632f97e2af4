// Where clients are sent, and that it is nowhere else.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;
using pk::testing::request_spec;

namespace {

std::string place(plugin_under_test& plugin, const request_spec& spec) {
    auto ex = plugin.send(spec);
    if (ex.head().status() == 0) return "passes";
    return std::to_string(ex.reply().status) + " " + ex.reply().field("location");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(redirect)

BOOST_AUTO_TEST_CASE(keeps_host_path_and_query) {
    plugin_under_test plugin;
    const std::pair<const char*, const char*> table[] = {
        {"/", "308 https://example.test/"},
        {"/a/b?c=d&e", "308 https://example.test/a/b?c=d&e"},
        {"/a?", "308 https://example.test/a?"},
        {"/%2e%2e/x%20y", "308 https://example.test/%2e%2e/x%20y"},
    };
    for (const auto& [target, says] : table) {
        BOOST_TEST(place(plugin, {.target = target}) == says);
    }
}

// S20: whatever the path looks like, the answer begins with scheme and host.
BOOST_AUTO_TEST_CASE(a_path_that_looks_like_a_host_leads_nowhere) {
    plugin_under_test plugin;
    for (const char* target : {"//evil.example/..", "/\\evil", "/@evil", "//", "/https://evil"}) {
        BOOST_TEST(place(plugin, {.target = target}) ==
                   std::string("308 https://example.test") + target);
    }
}

BOOST_AUTO_TEST_CASE(the_clients_port_is_not_kept) {
    plugin_under_test usual, other("port: 8443");
    const request_spec spec{.authority = "Example.TEST:8080"};
    BOOST_TEST(place(usual, spec) == "308 https://example.test/");
    BOOST_TEST(place(other, spec) == "308 https://example.test:8443/");
    BOOST_TEST(place(other, {.authority = "[::1]:80"}) == "308 https://[::1]:8443/");
}

BOOST_AUTO_TEST_CASE(who_has_tls_passes) {
    plugin_under_test plugin;
    BOOST_TEST(place(plugin, {.secure = true}) == "passes");
}

BOOST_AUTO_TEST_CASE(without_a_host_there_is_no_place) {
    plugin_under_test plugin;
    BOOST_TEST(place(plugin, {.authority = "", .http10 = true}) == "400 ");
}

BOOST_AUTO_TEST_CASE(the_status_is_one_of_four) {
    for (const char* good : {"301", "302", "307", "308"}) {
        plugin_under_test plugin(std::string("status: ") + good);
        BOOST_TEST(place(plugin, {}).starts_with(good));
    }
    BOOST_TEST(
        plugin_under_test::load_error("status: 303").starts_with("status: 303 is no redirect"));
    BOOST_TEST(plugin_under_test::load_error("status: 300") == "status: 300 is less than 301");
}

BOOST_AUTO_TEST_CASE(allocates_nothing) {
    plugin_under_test plugin;
    auto ex = plugin.get("/a?b");
    plugin_under_test::allocations();
    ex.head();
    BOOST_TEST(plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

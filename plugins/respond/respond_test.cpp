// A fixed answer, and the configs that cannot be one.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;
using pk::testing::request_spec;

BOOST_AUTO_TEST_SUITE(respond)

BOOST_AUTO_TEST_CASE(answers_200_with_nothing_by_default) {
    plugin_under_test plugin;
    auto ex = plugin.get();
    BOOST_TEST(ex.head().status() == 200);
    BOOST_TEST(ex.reply().body == "");
    BOOST_TEST(ex.reply().content_length == 0);
    BOOST_TEST(ex.reply().field("content-type") == "");
    BOOST_TEST(ex.reply().complete);
}

BOOST_AUTO_TEST_CASE(answers_what_the_config_says) {
    plugin_under_test plugin(
        "status: 503, body: \"back soon\", headers: {retry-after: 60, x-a: b, X-A: c}");
    auto ex = plugin.get();
    BOOST_TEST(ex.head().status() == 503);
    BOOST_TEST(ex.reply().body == "back soon");
    BOOST_TEST(ex.reply().field("retry-after") == "60");
    BOOST_TEST(ex.reply().field("x-a") == "b | c");
    BOOST_TEST(ex.reply().field("content-type") == "text/plain; charset=utf-8");
}

BOOST_AUTO_TEST_CASE(takes_the_status_alone) {
    plugin_under_test plugin("404");
    BOOST_TEST(plugin.get().head().status() == 404);
}

BOOST_AUTO_TEST_CASE(a_type_of_its_own_wins) {
    plugin_under_test named("body: x, content_type: text/html");
    auto ex = named.get();
    ex.head();
    BOOST_TEST(ex.reply().field("content-type") == "text/html");
    plugin_under_test listed("body: x, headers: {Content-Type: a/b}");
    auto other = listed.get();
    other.head();
    BOOST_TEST(other.reply().field("content-type") == "a/b");
}

BOOST_AUTO_TEST_CASE(head_gets_the_length_and_no_body) {
    plugin_under_test plugin("body: hello");
    request_spec spec;
    spec.method = "HEAD";
    auto ex = plugin.send(spec);
    BOOST_TEST(ex.head().status() == 200);
    BOOST_TEST(ex.reply().body == "");
    BOOST_TEST(ex.reply().content_length == 5);
}

BOOST_AUTO_TEST_CASE(does_not_wait_for_a_body_that_it_does_not_read) {
    plugin_under_test plugin("413");
    auto ex = plugin.post("content-length: 100");
    BOOST_TEST(ex.head().status() == 413);
    BOOST_TEST(ex.body("ignored").status() == 413);
}

BOOST_AUTO_TEST_CASE(says_what_cannot_be_an_answer) {
    const std::pair<const char*, const char*> table[] = {
        {"status: 199", "status: 199 is less than 200"},
        {"status: 700", "status: 700 is not a status"},
        {"status: 204, body: x", "body: an answer 204 has no body"},
        {"status: 304, body: x", "body: an answer 304 has no body"},
        {"headers: {\"a b\": c}", "headers: 'a b' is no field name"},
        {"headers: {Content-Length: 5}",
         "headers: 'Content-Length' is set by the kernel; leave it out"},
        {"headers: {connection: close}",
         "headers: 'connection' is set by the kernel; leave it out"},
        {"headers: {x: \"a\x01\"}", "headers: has a control byte"},
        {"bdy: x", "unknown option 'bdy'"},
    };
    for (const auto& [options, error] : table) {
        BOOST_TEST(plugin_under_test::load_error(options) == error);
    }
}

BOOST_AUTO_TEST_CASE(allocates_nothing_per_request) {
    plugin_under_test plugin("body: x, headers: {a: b}");
    auto ex = plugin.get();
    plugin_under_test::allocations();
    ex.head();
    BOOST_TEST(plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

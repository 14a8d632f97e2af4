// What becomes of a response's fields, whatever its status, and the configs that cannot be.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;

BOOST_AUTO_TEST_SUITE(headers)

BOOST_AUTO_TEST_CASE(removes_then_sets_then_adds_on_every_status) {
    plugin_under_test plugin(
        "response: { set: { x-frame-options: DENY, via-set: new }, add: { link: b, server: me }, "
        "remove: [ Server, x-powered-by ] }");
    for (std::uint32_t status : {200u, 204u, 304u, 404u, 500u, 502u}) {
        auto ex = plugin.get();
        BOOST_TEST(ex.head().passes());
        ex.response(status,
                    "server: origin\nx-powered-by: x\nX-Powered-By: y\nlink: a\nVia-Set: old");
        BOOST_TEST(ex.response_field("x-frame-options") == "DENY");
        BOOST_TEST(ex.response_field("via-set") == "new");
        BOOST_TEST(ex.response_field("link") == "a | b");
        BOOST_TEST(ex.response_field("server") == "me");
        BOOST_TEST(ex.response_field("x-powered-by") == "");
        BOOST_TEST(ex.response_end().passes());
    }
}

BOOST_AUTO_TEST_CASE(removing_what_is_not_there_is_no_error) {
    plugin_under_test plugin("response: { remove: [ server ] }");
    auto ex = plugin.get();
    ex.head();
    BOOST_TEST(ex.response(200).passes());
}

// RFC 6797, 7.2: it must not be sent without TLS.
BOOST_AUTO_TEST_CASE(hsts_is_sent_over_tls_only) {
    const std::pair<const char*, const char*> table[] = {
        {"hsts: 365d", "max-age=31536000"},
        {"hsts: 0s", "max-age=0"},
        {"hsts: 1h, hsts_subdomains: true", "max-age=3600; includeSubDomains"}};
    for (const auto& [options, says] : table) {
        plugin_under_test plugin(options);
        for (bool secure : {true, false}) {
            auto ex = plugin.send({.secure = secure});
            ex.head();
            ex.response(404, "strict-transport-security: max-age=1");
            BOOST_TEST(ex.response_field("strict-transport-security") ==
                       (secure ? says : "max-age=1"));
        }
    }
}

BOOST_AUTO_TEST_CASE(says_what_cannot_be) {
    const std::pair<const char*, const char*> table[] = {
        {"response: { set: { \"a b\": c } }", "response: 'a b' is no field name"},
        {"response: { add: { Content-Length: 5 } }",
         "response: 'Content-Length' belongs to the kernel; leave it out"},
        {"response: { remove: [ connection ] }",
         "response: 'connection' belongs to the kernel; leave it out"},
        {"response: { set: { x: \"a\x01\" } }", "response.set: has a control byte"}};
    for (const auto& [options, says] : table) {
        BOOST_TEST(plugin_under_test::load_error(options) == says);
    }
}

BOOST_AUTO_TEST_CASE(allocates_nothing) {
    plugin_under_test plugin("response: { set: { a: b }, remove: [ c ] }, hsts: 1d");
    auto ex = plugin.send({.secure = true});
    ex.head();
    plugin_under_test::allocations();
    ex.response(200, "c: d");
    BOOST_TEST(plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

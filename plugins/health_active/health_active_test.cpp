// What is asked, how often, and what the answers make of an endpoint.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using namespace std::chrono_literals;
using pk::testing::health_under_test;

namespace {

// Time goes on until `endpoint` is asked; how long that took.
std::chrono::nanoseconds wait_for_probe(health_under_test& plugin, std::uint32_t endpoint) {
    std::chrono::nanoseconds waited{0};
    while (!plugin.probe(endpoint) && waited < 1min) {
        plugin.advance(10ms);
        waited += 10ms;
    }
    BOOST_REQUIRE(plugin.probe(endpoint));
    return waited;
}

void answers(health_under_test& plugin, std::uint32_t endpoint, std::uint32_t status, int times,
             const std::string& body = "ok") {
    for (int i = 0; i < times; ++i) {
        wait_for_probe(plugin, endpoint);
        plugin.answer(endpoint, status, body);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(health_active)

BOOST_AUTO_TEST_CASE(asks_each_endpoint_for_its_path) {
    health_under_test plugin(2, "path: /healthz, host: app.test, port: 9000, timeout: 700ms");
    BOOST_TEST(!plugin.listens());
    plugin.elect();
    for (std::uint32_t i = 0; i < 2; ++i) {
        BOOST_TEST((wait_for_probe(plugin, i) <= 1s + 10ms));
        const auto* p = plugin.probe(i);
        BOOST_TEST(p->upstream == "app");
        BOOST_TEST(p->endpoint == "127.0.0.1:" + std::to_string(3000 + i));
        BOOST_TEST(p->method == "GET");
        BOOST_TEST(p->target == "/healthz");
        BOOST_TEST(p->authority == "app.test");
        BOOST_TEST(p->endpoint_port == 9000u);
        BOOST_TEST(p->flags == 0u);
        BOOST_TEST((p->timeout == 700ms));
    }
}

BOOST_AUTO_TEST_CASE(without_a_path_a_connection_is_enough) {
    health_under_test plugin(1, "rise: 1, fall: 1");
    plugin.elect();
    wait_for_probe(plugin, 0);
    BOOST_TEST(plugin.probe(0)->flags == +PK_SUB_CONNECT);
    plugin.answer(0, 0);
    BOOST_TEST(plugin.of(0).state == +PK_HEALTH_UP);
    wait_for_probe(plugin, 0);
    plugin.fail(0, PK_END_UNREACHABLE);
    BOOST_TEST(plugin.down(0));
    BOOST_TEST(plugin.of(0).reason == "1 probe failed, the last: no connection");
}

BOOST_AUTO_TEST_CASE(falls_and_rises_by_runs_not_by_one_sample) {
    health_under_test plugin(1, "path: /, fall: 3, rise: 2");
    plugin.elect();
    answers(plugin, 0, 503, 2);
    answers(plugin, 0, 200, 1);
    answers(plugin, 0, 503, 2);
    BOOST_TEST(plugin.of(0).times == 0u);
    answers(plugin, 0, 503, 1);
    BOOST_TEST(plugin.down(0));
    BOOST_TEST((plugin.of(0).trial_after == 0s));
    BOOST_TEST(plugin.of(0).reason == "3 probes in a row failed, the last: status 503");
    answers(plugin, 0, 200, 1);
    answers(plugin, 0, 503, 1);
    answers(plugin, 0, 200, 1);
    BOOST_TEST(plugin.down(0));
    answers(plugin, 0, 204, 1);
    BOOST_TEST(plugin.of(0).state == +PK_HEALTH_UP);
    BOOST_TEST(plugin.of(0).reason == "2 probes in a row went well");
    answers(plugin, 0, 200, 50);
    BOOST_TEST(plugin.of(0).times == 2u);
}

BOOST_AUTO_TEST_CASE(good_statuses_are_a_choice) {
    health_under_test plugin(1, "path: /, fall: 1, rise: 1, status: [\"204\", 4xx]");
    plugin.elect();
    const std::pair<std::uint32_t, bool> table[] = {{204, true},  {200, false}, {404, true},
                                                    {503, false}, {499, true},  {301, false}};
    for (const auto& [status, good] : table) {
        answers(plugin, 0, status, 1);
        BOOST_TEST(plugin.down(0) == !good, "status " << status);
    }
}

BOOST_AUTO_TEST_CASE(the_body_must_have_its_text) {
    health_under_test plugin(1, "path: /, fall: 1, rise: 1, body: \"status: ready\"");
    plugin.elect();
    answers(plugin, 0, 200, 1, "the status: ready!");
    BOOST_TEST(plugin.of(0).state == +PK_HEALTH_UP);
    answers(plugin, 0, 200, 1, "status: starting");
    BOOST_TEST(plugin.of(0).reason == "1 probe failed, the last: the body lacks its text");
    answers(plugin, 0, 200, 1, std::string(64 << 10, 'x') + "status: ready");
    BOOST_TEST(plugin.down(0));
    answers(plugin, 0, 200, 1, "status: ready" + std::string(200 << 10, 'x'));
    BOOST_TEST(plugin.of(0).state == +PK_HEALTH_UP);
}

BOOST_AUTO_TEST_CASE(each_way_to_fail_has_its_word) {
    const std::pair<std::uint32_t, std::string> table[] = {
        {PK_END_UNREACHABLE, "no connection"},
        {PK_END_TIMEOUT, "timeout"},
        {PK_END_ORIGIN_ABORT, "the connection ended"},
        {PK_END_LIMIT, "the body is too long"}};
    for (const auto& [cause, word] : table) {
        health_under_test plugin(1, "path: /, fall: 1");
        plugin.elect();
        wait_for_probe(plugin, 0);
        plugin.fail(0, cause);
        BOOST_TEST(plugin.of(0).reason == "1 probe failed, the last: " + word);
    }
}

BOOST_AUTO_TEST_CASE(the_interval_has_jitter_and_one_probe_at_a_time) {
    health_under_test plugin(1, "path: /, interval: 10s");
    plugin.elect();
    std::chrono::nanoseconds least = 1h, most = 0s;
    wait_for_probe(plugin, 0);
    for (int i = 0; i < 100; ++i) {
        plugin.answer(0, 200);
        const auto waited = wait_for_probe(plugin, 0);
        least = std::min(least, waited);
        most = std::max(most, waited);
    }
    BOOST_TEST((least >= 9s));
    BOOST_TEST((most <= 11s + 10ms));
    BOOST_TEST((most - least > 500ms));
    plugin.advance(1min);  // No answer: nothing more is asked.
    BOOST_TEST(plugin.host().requests.size() == 1u);
    plugin.fail(0, PK_END_TIMEOUT);
    BOOST_TEST((wait_for_probe(plugin, 0) <= 10ms));
}

BOOST_AUTO_TEST_CASE(elected_anew_it_goes_on_with_endpoints_that_stay) {
    health_under_test plugin(2, "path: /, fall: 2, rise: 1");
    plugin.elect();
    answers(plugin, 0, 503, 1);
    wait_for_probe(plugin, 0);
    plugin.elect();
    BOOST_REQUIRE(plugin.probe(0) != nullptr);
    plugin.answer(0, 503);
    BOOST_TEST(plugin.down(0));
    const auto times = plugin.of(0).times;
    plugin.elect();  // The kernel may have begun anew with it: it is told again.
    answers(plugin, 0, 503, 1);
    BOOST_TEST(plugin.of(0).times == times + 1);
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(dismissed_and_elected_it_has_dropped_what_it_knew) {
    health_under_test plugin(2, "path: /, fall: 2, rise: 1");
    plugin.elect();
    answers(plugin, 0, 503, 1);
    plugin.dismiss();
    plugin.elect();
    answers(plugin, 0, 503, 1);
    BOOST_TEST(!plugin.down(0));
    answers(plugin, 0, 503, 1);
    BOOST_TEST(plugin.down(0));
}

BOOST_AUTO_TEST_CASE(no_longer_elected_it_asks_nothing) {
    health_under_test plugin(2, "path: /");
    plugin.elect();
    wait_for_probe(plugin, 0);
    plugin.dismiss();
    plugin.advance(1min);
    BOOST_TEST(plugin.host().requests.empty());
    plugin.elect();
    wait_for_probe(plugin, 1);
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(what_the_config_has_out_is_not_asked) {
    health_under_test plugin(2, "path: /");
    plugin.put_out(1);
    plugin.elect();
    wait_for_probe(plugin, 0);
    plugin.advance(1min);
    BOOST_TEST(plugin.probe(1) == nullptr);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_its_options) {
    const auto wrong = [](std::string_view options, std::string_view text) {
        return health_under_test::load_error(options).find(text) != std::string::npos;
    };
    BOOST_TEST(wrong("path: healthz", "must begin with '/'"));
    BOOST_TEST(wrong("body: ok", "a body needs a path"));
    for (const auto word : {"1xx", "6xx", "20x", "2000", "20", "abc"})
        BOOST_TEST(wrong("path: /, status: [\"" + std::string(word) + "\"]", "is no status from"));
    BOOST_TEST(!health_under_test::load_error("interval: 1ms").empty());
    BOOST_TEST(!health_under_test::load_error("port: 65536").empty());
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

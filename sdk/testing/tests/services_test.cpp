// Services, exceptions, per-stream state, and the ways in which a body goes through a filter.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using namespace std::chrono_literals;
using pk::testing::plugin_under_test;
using pk::testing::way;

BOOST_AUTO_TEST_SUITE(services)

BOOST_AUTO_TEST_CASE(an_exception_costs_one_request_and_names_itself) {
    plugin_under_test plugin;
    auto ex = plugin.get("/throw");
    BOOST_TEST(ex.head().status() == 500);
    BOOST_TEST(ex.annotations().at(0).first == "plugin_error");
    BOOST_TEST(ex.annotations().at(0).second == "on purpose");
    BOOST_TEST(plugin.host().lines.at(0).second == "exception in a hook: on purpose");
    BOOST_TEST(plugin.get("/throw-int").head().status() == 500);
    BOOST_TEST(plugin.get("/").head().passes());
    auto late = plugin.get("/throw-late");
    late.head();
    BOOST_TEST(late.response(200).status() == 500);  // Its head had not gone on yet.
    auto in_data = plugin.get("/throw-data");
    in_data.head();
    in_data.response(200);
    BOOST_TEST(in_data.response_body("x").resets());
}

BOOST_AUTO_TEST_CASE(state_lives_as_long_as_its_stream) {
    plugin_under_test plugin;
    {
        auto one = plugin.get("/");
        one.head();
        auto two = plugin.get("/alive");
        two.head();
        BOOST_TEST(two.reply().body == "2");
    }
    auto three = plugin.get("/alive");
    three.head();
    BOOST_TEST(three.reply().body == "1");
}

BOOST_AUTO_TEST_CASE(a_timer_ends_a_wait_when_its_time_has_come) {
    plugin_under_test plugin;
    auto ex = plugin.get("/timer");
    BOOST_TEST(ex.head().waits());
    plugin.advance(49ms);
    BOOST_TEST(ex.state(way::request).waits());
    plugin.advance(1ms);
    BOOST_TEST(ex.state(way::request).status() == 504);
    auto gone = plugin.get("/timer");
    gone.head();
    gone.finish(PK_END_CLIENT_ABORT);
    plugin.advance(1h);
}

BOOST_AUTO_TEST_CASE(a_job_runs_elsewhere_and_comes_back) {
    plugin_under_test plugin;
    auto ex = plugin.get("/job");
    BOOST_TEST(ex.head().waits());
    BOOST_TEST(plugin.run_jobs() == 1u);
    BOOST_TEST(ex.state(way::request).passes());
    BOOST_TEST(ex.request_field("x-answer") == "42");
    auto gone = plugin.get("/job");
    gone.head();
    gone.finish(PK_END_CLIENT_ABORT);
    BOOST_TEST(plugin.run_jobs() == 1u);  // Dropped; a leak checker would see the job.
}

BOOST_AUTO_TEST_CASE(a_request_of_its_own_is_answered_or_fails) {
    plugin_under_test plugin;
    auto ex = plugin.get("/ask");
    BOOST_TEST(ex.head().waits());
    const auto asked = plugin.host().requests.at(0);
    BOOST_TEST(asked.upstream == "auth");
    BOOST_TEST(asked.target == "/check");
    plugin.host().answer(asked.id, 401, {{"a", "b"}}, "no");
    BOOST_TEST(ex.state(way::request).status() == 401);
    BOOST_TEST(ex.reply().body == "no");
    auto failing = plugin.get("/ask");
    failing.head();
    plugin.host().fail(plugin.host().requests.at(0).id, PK_END_TIMEOUT);
    BOOST_TEST(failing.state(way::request).status() == 502);
    auto gone = plugin.get("/ask");
    gone.head();
    gone.finish(PK_END_CLIENT_ABORT);
    BOOST_TEST(plugin.host().requests.empty());
}

BOOST_AUTO_TEST_CASE(a_waker_continues_a_stream_from_another_thread) {
    plugin_under_test plugin;
    auto ex = plugin.get("/wake");
    BOOST_TEST(ex.head().waits());
    plugin.run();
    BOOST_TEST(ex.state(way::request).passes());
    auto gone = plugin.get("/wake");
    gone.head();
    gone.finish(PK_END_CLIENT_ABORT);
    plugin.run();
}

BOOST_AUTO_TEST_CASE(numbers_and_names_are_there) {
    plugin_under_test plugin("", {.variables = {{"client_ip", "192.0.2.9"}}});
    auto ex = plugin.get("/client");
    ex.head();
    BOOST_TEST(ex.reply().body == "192.0.2.9");
    BOOST_TEST(plugin.metric("seen") == 1);
    BOOST_TEST(plugin_under_test::load_error("", {.missing_services = {"pk.timer/1"}}) ==
               "this kernel does not offer pk.timer/1");
}

BOOST_AUTO_TEST_CASE(a_collected_body_is_judged_whole) {
    plugin_under_test plugin;
    auto good = plugin.post("transfer-encoding: chunked", "/collect");
    BOOST_TEST(good.head().collects());
    BOOST_TEST(good.body("go").collects());
    BOOST_TEST(good.end().passes());
    BOOST_TEST(good.sent(way::request) == "go");
    auto bad = plugin.post("transfer-encoding: chunked", "/collect");
    bad.head();
    bad.body("bad");
    BOOST_TEST(bad.end().status() == 403);
    auto large = plugin.post("transfer-encoding: chunked", "/collect");
    large.head();
    BOOST_TEST(large.body("123456789").status() == 413);
    auto streamed = plugin.post("transfer-encoding: chunked", "/collect-stream");
    streamed.head();
    BOOST_TEST(streamed.body("12345").collects());
    BOOST_TEST(streamed.body("6789").passes());
    streamed.end();
    BOOST_TEST(streamed.sent(way::request) == "123456789");
}

BOOST_AUTO_TEST_CASE(a_transformer_replaces_and_an_observer_does_not) {
    plugin_under_test plugin;
    auto upper = plugin.post("content-length: 3", "/upper");
    upper.head();
    upper.body("abc");
    upper.end();
    BOOST_TEST(upper.sent(way::request) == "ABC");
    BOOST_TEST(upper.ended(way::request));
    auto plain = plugin.post("content-length: 3", "/");
    plain.head();
    plain.body("abc");
    plain.end();
    BOOST_TEST(plain.sent(way::request) == "abc");
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

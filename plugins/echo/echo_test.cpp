// The request comes back: in words, or its body byte for byte under back-pressure.

#include <boost/json.hpp>
#include <boost/json/src.hpp>
#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;
using pk::testing::request_spec;
using pk::testing::way;

BOOST_AUTO_TEST_SUITE(echo)

BOOST_AUTO_TEST_CASE(describes_the_request_when_it_is_complete) {
    plugin_under_test plugin("name: one");
    request_spec spec;
    spec.method = "POST";
    spec.target = "/a/%2e?x=1&y";
    spec.fields = "Accept: a\nX-A: 1\nx-a: 2\ntransfer-encoding: chunked";
    auto ex = plugin.send(spec);
    BOOST_TEST(ex.head().status() == 0);
    ex.body("abc");
    ex.body("de");
    BOOST_TEST(ex.end("X-Sum: 5").status() == 200);
    const auto answer = boost::json::parse(ex.reply().body).as_object();
    BOOST_TEST(answer.at("name").as_string() == "one");
    BOOST_TEST(answer.at("listener").as_string() == "web");
    BOOST_TEST(answer.at("local").as_string() == "198.51.100.7:8080");
    BOOST_TEST(answer.at("peer").as_string() == "192.0.2.1:4000");
    BOOST_TEST(answer.at("method").as_string() == "POST");
    BOOST_TEST(answer.at("target").as_string() == "/a/%2e?x=1&y");
    BOOST_TEST(answer.at("authority").as_string() == "example.test");
    BOOST_TEST(answer.at("body_bytes").as_int64() == 5);
    BOOST_TEST(answer.at("fields").as_array().at(1).as_array().at(0).as_string() == "X-A");
    BOOST_TEST(answer.at("trailers").as_array().at(0).as_array().at(1).as_string() == "5");
    BOOST_TEST(ex.reply().field("content-type") == "application/json");
    BOOST_TEST(ex.reply().field("x-content-type-options") == "nosniff");
}

BOOST_AUTO_TEST_CASE(nothing_in_an_answer_is_markup) {
    plugin_under_test plugin;
    request_spec spec;
    spec.target = "/<script>alert(1)</script>?a=\"&b=\xff";
    spec.fields = "x: </pre><img src=x>\xe2\x80\xa8";
    auto ex = plugin.send(spec);
    ex.head();
    ex.end();
    BOOST_TEST(ex.reply().body.find_first_of("<>&") == std::string::npos);
    const auto answer = boost::json::parse(ex.reply().body).as_object();
    BOOST_TEST(answer.at("target").as_string() == "/<script>alert(1)</script>?a=\"&b=\xef\xbf\xbd");

    plugin_under_test text("text");
    auto plain = text.send(spec);
    plain.head();
    plain.end();
    BOOST_TEST(plain.reply().field("content-type") == "text/plain; charset=utf-8");
    BOOST_TEST(plain.reply().field("x-content-type-options") == "nosniff");
    BOOST_TEST(plain.reply().body.find("GET /<script>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(sends_a_body_back_as_it_comes) {
    plugin_under_test plugin("mode: body");
    auto ex = plugin.post("content-length: 10");
    ex.head();
    BOOST_TEST(ex.reply().status == 200);
    BOOST_TEST(ex.reply().content_length == 10);
    ex.body("hello");
    BOOST_TEST(ex.sent(way::response) == "hello");
    ex.body("world");
    BOOST_TEST(!ex.reply().complete);
    ex.end();
    BOOST_TEST(ex.sent(way::response) == "helloworld");
    BOOST_TEST(ex.reply().complete);
}

BOOST_AUTO_TEST_CASE(waits_for_a_client_that_does_not_read) {
    plugin_under_test plugin("mode: body");
    auto ex = plugin.post("transfer-encoding: chunked");
    ex.head();
    ex.hold(way::response);
    std::string all;
    for (int i = 0; i < 10; ++i) {
        const std::string piece(50'000, static_cast<char>('a' + i));
        all += piece;
        ex.body(piece);
    }
    ex.end();
    BOOST_TEST(ex.sent(way::response).size() <= 64u * 1024 + 256 * 1024);
    BOOST_TEST(!ex.reply().complete);
    ex.drain(way::response);
    BOOST_TEST((ex.sent(way::response) == all));
    BOOST_TEST(ex.reply().complete);
}

BOOST_AUTO_TEST_CASE(one_large_run_is_split_over_callbacks) {
    plugin_under_test plugin("mode: body");
    auto ex = plugin.post("transfer-encoding: chunked");
    ex.head();
    const std::string large(1'000'000, 'x');
    ex.body(large);
    ex.end();
    BOOST_TEST((ex.sent(way::response) == large));
    BOOST_TEST(ex.reply().complete);
}

BOOST_AUTO_TEST_CASE(head_has_no_body_in_any_mode) {
    for (const char* how : {"json", "text", "body"}) {
        plugin_under_test plugin(how);
        request_spec spec;
        spec.method = "HEAD";
        auto ex = plugin.send(spec);
        ex.head();
        ex.end();
        BOOST_TEST(ex.reply().status == 200);
        BOOST_TEST(ex.reply().body == "");
        BOOST_TEST(ex.reply().complete);
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_leaves_nothing) {
    plugin_under_test plugin("mode: body");
    auto ex = plugin.post("transfer-encoding: chunked");
    ex.head();
    ex.hold(way::response);
    ex.body(std::string(400'000, 'x'));
    ex.finish(PK_END_CLIENT_ABORT);
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

// The plugin as the kernel sees it, on the fake host.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing/plugin.hpp>

using namespace std::chrono_literals;
using namespace std::string_literals;
using pk::testing::exchange;
using pk::testing::plugin_under_test;
using pk::testing::request_spec;
using pk::testing::way;

namespace {

constexpr auto key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
constexpr auto accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

request_spec request(const std::string& fields) {
    request_spec spec;
    spec.upgrade = "websocket";
    spec.fields = fields;
    return spec;
}

std::string handshake(const std::string& more = "") {
    return key + "\nsec-websocket-version: 13"s + (more.empty() ? "" : '\n' + more);
}

// Asked, granted: a tunnel.
exchange opened(plugin_under_test& plugin) {
    auto x = plugin.send(request(handshake()));
    BOOST_TEST(x.head().passes());
    BOOST_TEST(x.response(101, accept).passes());
    BOOST_TEST(x.tunnelling());
    return x;
}

std::string text_frame(const std::string& text, bool masked) {
    std::string out = "\x81"s + static_cast<char>(text.size() | (masked ? 0x80u : 0u));
    return out + (masked ? std::string(4, '\0') : "") + text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(websocket)

BOOST_AUTO_TEST_CASE(a_good_handshake_passes_and_nothing_is_looked_at) {
    plugin_under_test plugin;
    auto x = opened(plugin);
    BOOST_TEST(!x.looked_at(way::request));
    BOOST_TEST(!x.looked_at(way::response));
    x.body("anything");
    x.response_body("at all");
    BOOST_TEST(x.sent(way::request) == "anything");
    BOOST_TEST(x.sent(way::response) == "at all");
    x.end();
    BOOST_TEST(x.ended(way::request));
    BOOST_TEST(!x.ended(way::response));
    x.finish();
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(a_bad_request_is_answered_here) {
    plugin_under_test plugin;
    const auto status = [&](const std::string& fields) {
        return plugin.send(request(fields)).head().status();
    };
    BOOST_TEST(status("sec-websocket-version: 13") == 400u);
    BOOST_TEST(status("sec-websocket-version: 13\nsec-websocket-key: eA==") == 400u);
    BOOST_TEST(status(handshake(key)) == 400u);  // Twice.
    BOOST_TEST(status(key) == 426u);
    BOOST_TEST(status(key + "\nsec-websocket-version: 8"s) == 426u);
    BOOST_TEST(status(handshake("content-length: 3")) == 400u);
    auto post = request(handshake());
    post.method = "POST";
    BOOST_TEST(plugin.send(post).head().status() == 400u);
    auto old = plugin.send(request(key));
    old.head();
    BOOST_TEST(old.reply().field("sec-websocket-version") == "13");
}

BOOST_AUTO_TEST_CASE(the_origins_proof_is_checked) {
    plugin_under_test plugin;
    for (const std::string fields :
         {"", "sec-websocket-accept: x", "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO="}) {
        auto x = plugin.send(request(handshake()));
        x.head();
        BOOST_TEST(x.response(101, fields).status() == 502u);
    }
    auto x = plugin.send(request(handshake()));
    x.head();
    BOOST_TEST(x.response(101, accept + "\n"s + accept).status() == 502u);
}

BOOST_AUTO_TEST_CASE(a_subprotocol_must_have_been_offered) {
    plugin_under_test plugin;
    const auto answer = [&](const std::string& offered, const std::string& chosen) {
        auto x = plugin.send(request(handshake(offered)));
        x.head();
        return x.response(101, accept + "\nsec-websocket-protocol: "s + chosen).status();
    };
    BOOST_TEST(answer("sec-websocket-protocol: chat, superchat", "superchat") == 0u);
    BOOST_TEST(answer("sec-websocket-protocol: chat", "super") == 502u);
    BOOST_TEST(answer("", "chat") == 502u);
}

BOOST_AUTO_TEST_CASE(another_answer_is_an_ordinary_one) {
    plugin_under_test plugin;
    auto x = plugin.send(request(handshake()));
    x.head();
    BOOST_TEST(x.response(404).passes());
    BOOST_TEST(!x.tunnelling());
    x.response_end();
    x.finish();
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(pages_of_other_origins_are_refused) {
    plugin_under_test plugin("origins: [ \"https://app.example\", same ]");
    const auto status = [&](const std::string& fields) {
        return plugin.send(request(handshake(fields))).head().status();
    };
    BOOST_TEST(status("origin: https://app.example") == 0u);
    BOOST_TEST(status("origin: http://example.test") == 0u);
    BOOST_TEST(status("") == 0u);
    BOOST_TEST(status("origin: https://evil.example") == 403u);
    BOOST_TEST(status("origin: null") == 403u);
    BOOST_TEST(status("origin: https://app.example\norigin: https://evil.example") == 403u);
    BOOST_TEST(plugin_under_test::load_error("origins: [ app.example ]").find("is no origin") !=
               std::string::npos);
}

// An origin has a scheme (RFC 6454): anybody on its network can write a page of http://shop.test.
BOOST_AUTO_TEST_CASE(a_page_without_tls_is_not_the_same_as_one_with_it) {
    plugin_under_test plugin("origins: [ same ]");
    const auto status = [&](bool secure, const std::string& fields) {
        auto spec = request(handshake(fields));
        spec.secure = secure;
        return plugin.send(spec).head().status();
    };
    BOOST_TEST(status(true, "origin: https://example.test") == 0u);
    BOOST_TEST(status(true, "origin: http://example.test") == 403u);
    BOOST_TEST(status(false, "origin: http://example.test") == 0u);
    // A proxy before us ended TLS, and a filter vouches for what it says, or it says nothing.
    const std::string https = "\nx-forwarded-proto: https";
    BOOST_TEST(status(false, "origin: http://example.test" + https) == 403u);
    BOOST_TEST(status(false, "origin: https://example.test" + https) == 0u);
    BOOST_TEST(status(false, "origin: https://example.test") == 0u);
}

BOOST_AUTO_TEST_CASE(limits_are_the_kernels) {
    plugin_under_test plugin("idle: 5m, life: 24h");
    auto x = opened(plugin);
    BOOST_TEST(x.idle_limit_ns() == 300'000'000'000u);
    BOOST_TEST(x.life_limit_ns() == 86'400'000'000'000u);
    BOOST_TEST(x.limit(PK_TUNNEL_LIFE).resets());  // Frames are not followed: nothing can be said.
}

BOOST_AUTO_TEST_CASE(a_drain_closes_between_frames) {
    plugin_under_test plugin("drain: close");
    auto x = opened(plugin);
    BOOST_TEST(x.looked_at(way::response));
    BOOST_TEST(!x.looked_at(way::request));
    const auto whole = text_frame("hello", false);
    x.response_body(whole.substr(0, 3));
    x.drain_notice();
    BOOST_TEST(x.sent(way::response) == whole.substr(0, 3));
    x.response_body(whole.substr(3) + text_frame("too late", false));
    BOOST_TEST(x.sent(way::response) == whole + "\x88\x02\x03\xf4");
    x.body("the client's own goodbye");
    BOOST_TEST(x.sent(way::request) == "the client's own goodbye");
    x.finish();
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_the_goodbye_of_a_reload_is_cut) {
    plugin_under_test plugin("drain: close");
    auto x = opened(plugin);
    x.drain_notice(0);
    BOOST_TEST(x.sent(way::response) == "\x88\x02\x03\xf4");
    plugin.advance(29s);
    BOOST_TEST(!x.state(way::response).resets());
    plugin.advance(1s);
    BOOST_TEST(x.state(way::response).resets());
}

BOOST_AUTO_TEST_CASE(a_reload_leaves_those_alone_that_wait) {
    plugin_under_test plugin("ping: 1h");
    auto x = opened(plugin);
    x.drain_notice(0);
    plugin.advance(60s);
    BOOST_TEST(x.sent(way::response) == "");
    BOOST_TEST(!x.state(way::response).resets());
}

BOOST_AUTO_TEST_CASE(a_drain_leaves_a_connection_that_closes_alone) {
    plugin_under_test plugin("drain: close");
    auto x = opened(plugin);
    x.response_body("\x88\x02\x03\xe8");
    x.drain_notice();
    BOOST_TEST(x.sent(way::response) == "\x88\x02\x03\xe8");
}

BOOST_AUTO_TEST_CASE(an_idle_limit_says_1001_where_frames_are_followed) {
    plugin_under_test plugin("ping: 1h");
    auto x = opened(plugin);
    x.limit(PK_TUNNEL_IDLE);
    BOOST_TEST(x.sent(way::response) == "\x88\x02\x03\xe9");
}

BOOST_AUTO_TEST_CASE(a_ping_goes_to_a_client_that_hears_nothing) {
    plugin_under_test plugin("ping: 30s");
    auto x = opened(plugin);
    plugin.advance(30s);
    BOOST_TEST(x.sent(way::response) == "\x89\x00"s);
    const auto hello = text_frame("hello", false);
    x.response_body(hello);
    plugin.advance(30s);  // It has just heard something.
    BOOST_TEST(x.sent(way::response) == "\x89\x00"s + hello);
    plugin.advance(30s);
    BOOST_TEST(x.sent(way::response) == "\x89\x00"s + hello + "\x89\x00"s);
    x.response_body(hello.substr(0, 4));
    plugin.advance(60s);  // Never inside a frame.
    BOOST_TEST(x.sent(way::response) == "\x89\x00"s + hello + "\x89\x00"s + hello.substr(0, 4));
}

BOOST_AUTO_TEST_CASE(a_message_that_is_too_large_closes_both_ways) {
    plugin_under_test plugin("message_size: 5");
    auto x = opened(plugin);
    const auto fits = text_frame("12345", true), large = text_frame("123456", true);
    x.body(fits + large);
    BOOST_TEST(x.sent(way::request) == fits + "\x88\x82"s + std::string(4, '\0') + "\x03\xf1");
    BOOST_TEST(x.sent(way::response) == "\x88\x02\x03\xf1");
    BOOST_TEST(x.annotations().size() == 1u);
    plugin.advance(5s);
    BOOST_TEST(x.state(way::response).resets());
}

BOOST_AUTO_TEST_CASE(a_broken_frame_of_the_origin_is_not_passed_on) {
    plugin_under_test plugin("message_size: 5");
    auto x = opened(plugin);
    x.response_body(text_frame("abc", true));  // Masked, as no origin may.
    BOOST_TEST(x.sent(way::response) == "\x88\x02\x03\xea");
    BOOST_TEST(x.sent(way::request) == "\x88\x82"s + std::string(4, '\0') + "\x03\xea");
}

BOOST_AUTO_TEST_CASE(a_frame_whose_head_came_in_pieces_ends_without_a_word) {
    plugin_under_test plugin("message_size: 5");
    auto x = opened(plugin);
    const auto large = text_frame("123456", true);
    x.body(large.substr(0, 1));
    x.body(large.substr(1));
    BOOST_TEST(x.sent(way::request) == large.substr(0, 1));
    BOOST_TEST(x.sent(way::response) == "\x88\x02\x03\xf1");
}

BOOST_AUTO_TEST_CASE(over_http_2_the_handshake_of_the_origins_side_is_made_here) {
    plugin_under_test plugin;
    auto spec = request("sec-websocket-version: 13");
    spec.extended_connect = true;
    auto x = plugin.send(spec);
    BOOST_TEST(x.head().passes());
    const auto made = x.request_field("sec-websocket-key");
    BOOST_TEST(made == "MDEyMzQ1Njc4OWFiY2RlZg==");
    BOOST_TEST(x.response(101, "sec-websocket-accept: BACScCJPNqyz+UBoqMH89VmURoA=").passes());
    BOOST_TEST(x.tunnelling());
    BOOST_TEST(x.response_field("sec-websocket-accept").empty());
}

BOOST_AUTO_TEST_CASE(the_hot_path_allocates_nothing) {
    plugin_under_test plugin("message_size: 1000, drain: close");
    auto x = opened(plugin);
    const auto up = text_frame("hello", true), down = text_frame("hello", false);
    x.body(up), x.response_body(down);
    plugin_under_test::allocations();
    x.body(up), x.response_body(down);
    BOOST_TEST(plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

// Requests, responses, windows and ends: the shipped plugin between a scripted kernel and a client
// of nghttp2's.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

#include "h2_client.hpp"

using h2::client;
using h2::get;
using pk::testing::codec_under_test;
using pk::testing::field_pairs;

namespace {

field_pairs post(std::string path = "/") {
    auto fields = get(std::move(path));
    fields[0].second = "POST";
    return fields;
}

field_pairs with(field_pairs fields, const field_pairs& more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

std::uint32_t setting(const std::vector<h2::seen_frame>& frames, std::uint16_t id) {
    for (const auto& f : frames) {
        if (f.type != NGHTTP2_SETTINGS) continue;
        for (std::size_t at = 0; at + 6 <= f.payload.size(); at += 6)
            if (static_cast<std::uint8_t>(f.payload[at + 1]) == id) return f.word(at + 2);
    }
    return 0xffffffff;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http2)

BOOST_AUTO_TEST_CASE(is_chosen_by_alpn_or_by_the_whole_preface) {
    codec_under_test codec;
    BOOST_TEST(codec.protocols() == std::vector<std::string>{"h2"});
    BOOST_TEST(codec.probe("P") == +PK_PROBE_MORE);
    BOOST_TEST(codec.probe(h2::preface.substr(0, 23)) == +PK_PROBE_MORE);
    BOOST_TEST(codec.probe(h2::preface) == +PK_PROBE_MINE);
    BOOST_TEST(codec.probe("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nabc") == +PK_PROBE_MINE);
    BOOST_TEST(codec.probe("PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n") == +PK_PROBE_NOT_MINE);
    BOOST_TEST(codec.probe("G") == +PK_PROBE_NOT_MINE);
    BOOST_TEST(codec.probe("PRIVATE / HTTP/1.1") == +PK_PROBE_NOT_MINE);
}

BOOST_AUTO_TEST_CASE(a_request_and_its_response) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(with(get("/x?y=1"), {{"accept", "*/*"}, {"te", "trailers"}}));
    c.pump();
    BOOST_REQUIRE(codec.count() == 1u);
    auto& s = codec.stream(0);
    BOOST_TEST(s.method == "GET");
    BOOST_TEST(s.scheme == "http");
    BOOST_TEST(s.authority == "a.test");
    BOOST_TEST(s.target == "/x?y=1");
    BOOST_TEST(s.fields.size() == 1u);  // TE ends here.
    BOOST_TEST(s.field("accept") == "*/*");
    BOOST_TEST(s.ended);
    s.respond(200, {{"Content-Type", "text/plain"}, {"Content-Length", "5"}}, "hello");
    c.pump();
    BOOST_TEST(c.at(id).status == "200");
    BOOST_TEST(c.at(id).field("content-type") == "text/plain");  // In lower case.
    BOOST_TEST(c.at(id).body == "hello");
    BOOST_TEST(c.at(id).complete);
    BOOST_TEST(s.closed);
    BOOST_TEST(codec.violations().empty());
}

BOOST_AUTO_TEST_CASE(the_preface_says_what_the_limits_are) {
    codec_under_test codec;
    client c(codec);
    c.pump();
    const auto frames = c.frames();
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 100u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 65536u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE) == 32768u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_HEADER_TABLE_SIZE) == 4096u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_MAX_FRAME_SIZE) == 16384u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES) == 1u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 0xffffffffu);
    const auto* window = h2::last(frames, NGHTTP2_WINDOW_UPDATE);
    BOOST_REQUIRE(window != nullptr);
    BOOST_TEST(window->word(0) == (1u << 20) - 65535u);
}

BOOST_AUTO_TEST_CASE(the_listeners_limits_count) {
    codec_under_test codec;
    codec.limits.streams = 7;
    codec.limits.conn_window = 100 << 10;
    codec.limits.stream_window = 65535;
    client c(codec);
    c.pump();
    const auto frames = c.frames();
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 7u);
    BOOST_TEST(setting(frames, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 65535u);
    BOOST_TEST(h2::last(frames, NGHTTP2_WINDOW_UPDATE)->word(0) == (100u << 10) - 65535u);
}

BOOST_AUTO_TEST_CASE(a_body_is_handed_on_uncopied_and_its_window_comes_back_by_credit) {
    codec_under_test codec;
    client c(codec);
    c.request(post(), std::string(200'000, 'b'));
    c.pump();
    auto& s = codec.stream(0);
    BOOST_TEST(s.body.size() == 65536u);  // The window, and no byte more.
    BOOST_TEST(!s.ended);
    s.credit(30'000);
    c.pump();
    BOOST_TEST(s.body.size() == 65536u);  // Less than half is not worth a frame yet.
    s.credit(10'000);
    c.pump();
    BOOST_TEST(s.body.size() == 105'536u);
    while (!s.ended) {
        s.credit(65'536);
        c.pump();
    }
    BOOST_TEST(s.body == std::string(200'000, 'b'));
    BOOST_TEST(codec.violations().empty());
}

BOOST_AUTO_TEST_CASE(the_connections_window_holds_for_all_streams_together) {
    codec_under_test codec;
    codec.limits.conn_window = 100 << 10;
    client c(codec);
    c.request(post("/1"), std::string(64 << 10, 'a'));
    c.request(post("/2"), std::string(64 << 10, 'a'));
    c.pump();
    BOOST_TEST(codec.stream(0).body.size() + codec.stream(1).body.size() == 102'400u);
    for (std::size_t i : {0, 1}) codec.stream(i).credit(codec.stream(i).body.size());
    c.pump();
    BOOST_TEST(codec.stream(0).ended);
    BOOST_TEST(codec.stream(1).ended);
}

BOOST_AUTO_TEST_CASE(a_large_response_keeps_to_the_clients_window) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(get());
    c.pump();
    std::string body(300'000, 'r');
    codec.stream(0).respond(200, {}, body);
    BOOST_TEST(codec.output_waits() < 66'000u);
    BOOST_TEST(codec.output_waits() > 65'000u);
    c.pump();
    BOOST_TEST(c.at(id).body == body);
    BOOST_TEST(c.at(id).complete);
    BOOST_TEST(codec.stream(0).waiting() == 0u);
}

BOOST_AUTO_TEST_CASE(a_body_that_comes_bit_by_bit) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(get());
    c.pump();
    auto& s = codec.stream(0);
    s.respond(200, {}, {}, false);
    c.pump();
    BOOST_TEST(c.at(id).status == "200");
    for (int i = 0; i < 3; ++i) {
        s.send("event");
        c.pump();
        BOOST_TEST(c.at(id).body.size() == 5u * (i + 1));
    }
    s.finish();
    c.pump();
    BOOST_TEST(c.at(id).complete);
    BOOST_TEST(s.closed);
}

BOOST_AUTO_TEST_CASE(trailers_both_ways) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(post(), "body", true, {{"checksum", "1"}});
    c.pump();
    auto& s = codec.stream(0);
    BOOST_TEST(s.ended);
    BOOST_TEST((s.trailers == field_pairs{{"checksum", "1"}}));
    s.respond(200, {}, "answer", false);
    s.finish({{"Grpc-Status", "0"}, {"x", "y"}});
    c.pump();
    BOOST_TEST(c.at(id).body == "answer");
    BOOST_TEST((c.at(id).trailers == field_pairs{{"grpc-status", "0"}, {"x", "y"}}));
    BOOST_TEST(c.at(id).complete);
}

BOOST_AUTO_TEST_CASE(informational_responses_come_before_the_final_one) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(with(post(), {{"expect", "100-continue"}}), "x", true);
    c.pump();
    auto& s = codec.stream(0);
    s.informational(100);
    s.informational(103, {{"link", "</a.css>"}});
    s.respond(204);
    c.pump();
    BOOST_TEST((c.at(id).informational == std::vector<std::string>{"100", "103"}));
    BOOST_TEST(c.at(id).status == "204");
    BOOST_TEST(c.at(id).complete);
}

BOOST_AUTO_TEST_CASE(a_head_without_a_body_is_one_frame) {
    codec_under_test codec;
    client c(codec);
    auto fields = get();
    fields[0].second = "HEAD";
    c.request(fields);
    c.request(get());
    c.pump();
    c.frames();
    codec.stream(0).respond(200, {{"content-length", "10"}});
    codec.stream(1).respond(200, {{"content-length", "0"}});
    c.pump();
    const auto frames = c.frames();
    BOOST_TEST(frames.size() == 2u);
    for (const auto& f : frames) {
        BOOST_TEST(f.type == +NGHTTP2_HEADERS);
        BOOST_TEST((f.flags & NGHTTP2_FLAG_END_STREAM) != 0);
    }
    BOOST_TEST(codec.violations().empty());
}

BOOST_AUTO_TEST_CASE(crumbs_of_a_cookie_are_joined) {
    codec_under_test codec;
    client c(codec);
    c.request(
        with(get(), {{"cookie", "a=1"}, {"accept", "*/*"}, {"cookie", "b=2"}, {"cookie", "c"}}));
    c.request(with(get(), {{"cookie", "a=1; b=2"}}));
    c.pump();
    BOOST_TEST(codec.stream(0).field("cookie") == "a=1; b=2; c");
    BOOST_TEST(codec.stream(0).fields.size() == 2u);
    BOOST_TEST(codec.stream(1).field("cookie") == "a=1; b=2");
}

BOOST_AUTO_TEST_CASE(host_and_authority) {
    codec_under_test codec;
    client c(codec);
    c.request(with(get(), {{"host", "A.test"}}));
    c.request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "h.test"}});
    const auto other = c.request(with(get(), {{"host", "b.test"}}));
    const auto none = c.request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}});
    c.pump();
    BOOST_REQUIRE(codec.count() == 2u);
    BOOST_TEST(codec.stream(0).authority == "a.test");
    BOOST_TEST(codec.stream(0).field("host") == "");
    BOOST_TEST(codec.stream(1).authority == "h.test");
    BOOST_TEST(c.at(other).reset == +NGHTTP2_PROTOCOL_ERROR);
    BOOST_TEST(c.at(none).reset == +NGHTTP2_PROTOCOL_ERROR);
}

BOOST_AUTO_TEST_CASE(resets_of_either_side_end_one_stream) {
    codec_under_test codec;
    client c(codec);
    const auto cut = c.request(get("/1"));
    c.request(get("/2"));
    const auto fine = c.request(get("/3"));
    c.pump();
    codec.stream(0).respond(200, {}, "part", false);
    codec.stream(0).reset(PK_END_ORIGIN_ABORT);
    c.reset(3);
    c.pump();
    BOOST_TEST(c.at(cut).reset == +NGHTTP2_INTERNAL_ERROR);
    BOOST_TEST(!c.at(cut).complete);
    BOOST_TEST(codec.stream(1).aborted == +PK_END_CLIENT_ABORT);
    BOOST_TEST(codec.stream(1).closed);
    codec.stream(2).respond(200, {}, "ok");
    c.pump();
    BOOST_TEST(c.at(fine).body == "ok");
    BOOST_TEST(codec.closing == -1);
    BOOST_TEST(codec.violations().empty());
}

// The rest of an upload is not wanted: the answer arrives whole, then the client is told.
BOOST_AUTO_TEST_CASE(an_early_answer_is_followed_by_no_error) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(post(), "begin", false);
    c.pump();
    codec.stream(0).respond(413, {}, "too much");
    codec.stream(0).reset(PK_END_COMPLETE);
    c.pump();
    BOOST_TEST(c.at(id).status == "413");
    BOOST_TEST(c.at(id).body == "too much");
    BOOST_TEST(c.at(id).complete);
    BOOST_TEST(c.at(id).reset == +NGHTTP2_NO_ERROR);
}

BOOST_AUTO_TEST_CASE(a_full_output_stops_the_frames_and_a_reset_then_drops_them) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(get("/1"));
    const auto other = c.request(get("/2"));
    c.pump();
    codec.room = 1;  // One frame, then full.
    codec.stream(0).respond(200, {}, std::string(1000, 'x'));
    BOOST_TEST(codec.stream(0).waiting() == 1000u);
    codec.stream(0).reset(PK_END_TIMEOUT);
    codec.stream(1).respond(200, {}, "whole");
    codec.room = 64 << 10;
    c.pump();
    BOOST_TEST(c.at(id).body.empty());
    BOOST_TEST(c.at(id).reset == +NGHTTP2_INTERNAL_ERROR);
    BOOST_TEST(c.at(other).body == "whole");
    BOOST_TEST(codec.violations().empty());
}

BOOST_AUTO_TEST_CASE(the_kernel_may_be_done_before_the_last_frame_is_out) {
    codec_under_test codec;
    client c(codec);
    const auto id = c.request(get());
    c.pump();
    auto& s = codec.stream(0);
    s.respond(200, {}, "body", false);
    codec.room = 0;
    s.finish({{"trailer", "late"}});
    codec.room = 64 << 10;
    c.pump();
    BOOST_TEST(s.closed);
    BOOST_TEST(c.at(id).body == "body");
    BOOST_TEST((c.at(id).trailers == field_pairs{{"trailer", "late"}}));
    BOOST_TEST(c.at(id).complete);
}

BOOST_AUTO_TEST_CASE(a_drain_loses_no_request_that_is_on_its_way) {
    codec_under_test codec;
    client c(codec);
    const auto first = c.request(get("/1"));
    c.pump();
    codec.drain();
    codec.drain();
    const std::string notice = codec.take();
    const auto frames = h2::frames_of(notice);
    BOOST_REQUIRE(h2::last(frames, NGHTTP2_GOAWAY) != nullptr);
    BOOST_TEST(h2::last(frames, NGHTTP2_GOAWAY)->word(0) == 0x7fffffffu);
    const auto second = c.request(get("/2"));  // It has not seen the notice yet.
    c.pump();
    BOOST_REQUIRE(codec.count() == 2u);
    codec.advance(std::chrono::seconds(2));  // It does not answer our PING: time does.
    c.pump();
    BOOST_TEST(c.goaway == +NGHTTP2_NO_ERROR);
    BOOST_TEST(c.goaway_last == second);
    codec.receive(h2::frame(NGHTTP2_HEADERS, 5, 99, h2::literals(get("/3"))));
    BOOST_TEST(codec.count() == 2u);
    BOOST_TEST(codec.closing == -1);
    codec.stream(0).respond(200, {}, "1");
    codec.stream(1).respond(200, {}, "2");
    c.pump();
    BOOST_TEST(c.at(first).complete);
    BOOST_TEST(c.at(second).complete);
    BOOST_TEST(codec.closing == +PK_END_COMPLETE);
}

BOOST_AUTO_TEST_CASE(a_drain_goes_on_as_soon_as_the_client_has_seen_it) {
    codec_under_test codec;
    client c(codec);
    c.pump();
    codec.drain();
    BOOST_TEST(codec.closing == -1);
    c.pump();  // The client answers the PING.
    const auto frames = c.frames();
    BOOST_TEST(h2::last(frames, NGHTTP2_GOAWAY)->word(0) == 0u);
    BOOST_TEST(h2::last(frames, NGHTTP2_GOAWAY)->word(4) == +NGHTTP2_NO_ERROR);
    BOOST_TEST(codec.closing == +PK_END_COMPLETE);
}

BOOST_AUTO_TEST_CASE(the_last_stream_of_all_begins_a_drain) {
    codec_under_test codec;
    codec.limits.streams_total = 3;
    client c(codec);
    for (int i = 0; i < 3; ++i) {
        const auto id = c.request(get());
        c.pump();
        codec.stream(i).respond(200, {}, "ok");
        c.pump();
        BOOST_TEST(c.at(id).complete);
    }
    BOOST_TEST(c.goaway == +NGHTTP2_NO_ERROR);
    BOOST_TEST(codec.closing == +PK_END_COMPLETE);
}

BOOST_AUTO_TEST_CASE(the_kernels_goodbye_has_a_reason) {
    const std::pair<std::uint32_t, int> table[] = {{PK_END_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM},
                                                   {PK_END_TIMEOUT, NGHTTP2_NO_ERROR},
                                                   {PK_END_PLUGIN_ERROR, NGHTTP2_INTERNAL_ERROR}};
    codec_under_test codec;
    for (const auto& [cause, code] : table) {
        client c(codec);
        c.request(get());
        c.pump();
        codec.close(cause);
        c.pump();
        BOOST_TEST(c.goaway == code);
        BOOST_TEST(codec.closing >= 0);
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_sends_no_more_still_gets_its_answers) {
    codec_under_test codec;
    client c(codec);
    const auto whole = c.request(get());
    c.request(post(), "half", false);
    c.pump();
    codec.receive_end();
    BOOST_TEST(codec.stream(1).aborted == +PK_END_CLIENT_ABORT);
    BOOST_TEST(!codec.stream(0).closed);
    codec.stream(0).respond(200, {}, "answer");
    c.pump();
    BOOST_TEST(c.at(whole).body == "answer");
    BOOST_TEST(codec.closing == +PK_END_COMPLETE);
}

BOOST_AUTO_TEST_CASE(urgency_decides_whose_turn_it_is) {
    codec_under_test codec;
    client c(codec);
    c.request(with(get("/image"), {{"priority", "u=6"}}));
    c.request(with(get("/style"), {{"priority", "u=1"}}));
    c.pump();
    codec.room = 0;
    codec.stream(0).respond(200, {}, std::string(30'000, 'i'));
    codec.stream(1).respond(200, {}, std::string(30'000, 's'));
    codec.room = 64 << 10;
    std::string order;
    c.frames();
    c.pump();
    for (const auto& f : c.frames())
        if (f.type == NGHTTP2_DATA && !f.payload.empty()) order += f.payload[0];
    BOOST_TEST(order == "ssii");
}

BOOST_AUTO_TEST_CASE(an_extended_connect_is_an_upgrade_when_it_is_offered) {
    codec_under_test codec("extended_connect: true");
    client c(codec);
    auto fields = get("/chat");
    fields[0].second = "CONNECT";
    fields.insert(fields.begin() + 1, {":protocol", "websocket"});
    const auto id = c.request(fields, {}, false);
    c.pump();
    BOOST_REQUIRE(codec.count() == 1u);
    auto& s = codec.stream(0);
    BOOST_TEST(s.method == "GET");
    BOOST_TEST(s.upgrade == "websocket");
    BOOST_TEST(s.target == "/chat");
    s.respond(101, {}, {}, false);
    s.send("from origin");
    c.more(id, "to origin", false);
    c.pump();
    BOOST_TEST(c.at(id).status == "200");
    BOOST_TEST(c.at(id).body == "from origin");
    BOOST_TEST(s.body == "to origin");
    s.finish();  // Half-closes of their own.
    c.pump();
    BOOST_TEST(c.at(id).complete);
    BOOST_TEST(!s.closed);
    c.more(id, "more", true);
    c.pump();
    BOOST_TEST(s.body == "to originmore");
    BOOST_TEST(s.ended);
    BOOST_TEST(s.closed);
}

BOOST_AUTO_TEST_CASE(a_warm_request_costs_few_allocations) {
    codec_under_test codec;
    client c(codec);
    const auto once = [&](std::size_t i) {
        c.request(with(get(), {{"user-agent", "test"}}));
        c.pump();
        codec.stream(i).respond(200, {{"content-length", "2"}}, "ok");
        c.pump();
    };
    for (std::size_t i = 0; i < 20; ++i) once(i);
    codec.allocations();
    for (std::size_t i = 20; i < 30; ++i) once(i);
    BOOST_TEST(codec.allocations() == 0u);  // Of ours; nghttp2 has an allocator of its own.
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

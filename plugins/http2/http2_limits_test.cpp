// What a client must not do, and how often it may do what it should not: frames by hand.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

#include "h2_client.hpp"

using h2::frame;
using h2::frames_of;
using h2::get;
using h2::literals;
using pk::testing::codec_under_test;
using pk::testing::field_pairs;

namespace {

constexpr std::uint8_t end_stream = NGHTTP2_FLAG_END_STREAM;
constexpr std::uint8_t whole_head = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;

// A connection whose client writes by hand, past its preface.
struct by_hand {
    explicit by_hand(codec_under_test& under_test) : codec(under_test) {
        codec.connect();
        codec.receive(std::string(h2::preface) + frame(NGHTTP2_SETTINGS, 0, 0, {}));
        // Answers our SETTINGS, so that they count.
        codec.receive(frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, {}));
        codec.take();
    }

    void head(std::uint32_t id, const field_pairs& fields, std::uint8_t flags = whole_head) {
        codec.receive(frame(NGHTTP2_HEADERS, flags, id, literals(fields)));
    }
    std::vector<h2::seen_frame> answers() { return frames_of(codec.take()); }
    // The code of the last GOAWAY, or -1.
    std::int64_t goaway() {
        const auto all = answers();
        const auto* f = h2::last(all, NGHTTP2_GOAWAY);
        return f == nullptr ? -1 : std::int64_t{f->word(4)};
    }
    // The code of the last RST_STREAM, or -1.
    std::int64_t reset() {
        const auto all = answers();
        const auto* f = h2::last(all, NGHTTP2_RST_STREAM);
        return f == nullptr ? -1 : std::int64_t{f->word(0)};
    }

    codec_under_test& codec;
};

field_pairs with(field_pairs fields, const field_pairs& more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

field_pairs many(std::size_t n, const std::string& name = "x") {
    field_pairs all = get();
    for (std::size_t i = 0; i < n; ++i) all.emplace_back(name, "1");
    return all;
}

std::string window_update(std::uint32_t id, std::uint32_t n) {
    std::string payload;
    for (int shift : {24, 16, 8, 0}) payload += static_cast<char>(n >> shift);
    return frame(NGHTTP2_WINDOW_UPDATE, 0, id, payload);
}

std::string cancel(std::uint32_t id) {
    return frame(NGHTTP2_RST_STREAM, 0, id, std::string("\0\0\0\x08", 4));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http2_limits)

// S04 and RFC 9113 8.2, 8.3: each a stream error, and the connection goes on.
BOOST_AUTO_TEST_CASE(a_malformed_head_is_a_stream_error) {
    const field_pairs table[] = {
        with(get(), {{"Upper", "case"}}),
        with(get(), {{"connection", "close"}}),
        with(get(), {{"keep-alive", "1"}}),
        with(get(), {{"proxy-connection", "1"}}),
        with(get(), {{"transfer-encoding", "chunked"}}),
        with(get(), {{"upgrade", "h2c"}}),
        with(get(), {{"te", "gzip"}}),
        with(get(), {{"a", "b\r\nc: d"}}),
        with(get(), {{"a", std::string("b\0c", 3)}}),
        with(get(), {{"a", " led by a space"}}),
        with(get(), {{"a b", "c"}}),
        with(get(), {{"", "c"}}),
        with(get(), {{"content-length", "1"}, {"content-length", "1"}}),
        with(get(), {{"content-length", "+1"}}),
        with(get(), {{"content-length", "5"}}),  // And the stream ends.
        with(get(), {{":path", "/"}}),
        with(get(), {{":status", "200"}}),
        with(get(), {{":unknown", "x"}}),
        with({{"early", "x"}}, get()),
        with(get(), {{"host", "a.test"}, {"host", "a.test"}}),
        {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}},
        {{":method", "GET"}, {":path", "/"}, {":authority", "a"}},
        {{":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
        get(""),
        get("no-slash"),
        with({{":method", "CONNECT"}, {":protocol", "websocket"}}, {}),  // Not offered.
    };
    for (const auto& fields : table) {
        BOOST_TEST_CONTEXT(fields.back().first << ": " << fields.back().second) {
            codec_under_test codec;
            by_hand h(codec);
            h.head(1, fields);
            BOOST_TEST(h.reset() == +NGHTTP2_PROTOCOL_ERROR);
            BOOST_TEST((codec.count() == 0u && codec.malformed == 1u));  // Told to the logs.
            h.head(3, get("/next"));
            BOOST_REQUIRE(codec.count() == 1u);
            BOOST_TEST((codec.stream(0).target == "/next" && codec.closing == -1));
            BOOST_TEST(codec.violations().empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_body_of_another_length_than_announced_is_a_stream_error) {
    for (const std::string body : {"abc", "abcdef"}) {
        codec_under_test codec;
        by_hand h(codec);
        h.head(1, with(get(), {{"content-length", "4"}}), NGHTTP2_FLAG_END_HEADERS);
        codec.receive(frame(NGHTTP2_DATA, end_stream, 1, body));
        BOOST_TEST(h.reset() == +NGHTTP2_PROTOCOL_ERROR);
        BOOST_TEST(!codec.stream(0).ended);
        BOOST_TEST(codec.stream(0).aborted == +PK_END_PROTOCOL);
        BOOST_TEST(codec.stream(0).closed);
        BOOST_TEST(codec.closing == -1);
    }
}

BOOST_AUTO_TEST_CASE(connect_is_refused) {
    codec_under_test codec;
    by_hand h(codec);
    h.head(1, {{":method", "CONNECT"}, {":authority", "a:443"}});
    BOOST_REQUIRE(codec.count() == 1u);
    BOOST_TEST(codec.stream(0).rejected == 405u);
}

BOOST_AUTO_TEST_CASE(what_the_kernel_refuses_may_be_repeated_what_it_calls_malformed_not) {
    codec_under_test codec;
    by_hand h(codec);
    codec.answer = PK_NO_MEMORY;
    h.head(1, get());
    BOOST_TEST(h.reset() == +NGHTTP2_REFUSED_STREAM);
    BOOST_TEST(codec.glitches == 0u);
    codec.answer = PK_INVALID;
    h.head(3, get());
    BOOST_TEST(h.reset() == +NGHTTP2_PROTOCOL_ERROR);
    BOOST_TEST(codec.glitches == 1u);
    BOOST_TEST(codec.closing == -1);
}

BOOST_AUTO_TEST_CASE(fields_are_counted_and_one_too_many_is_431) {
    for (const std::string name : {"x", "cookie"}) {
        codec_under_test codec;
        by_hand h(codec);
        h.head(1, many(100, name));
        BOOST_TEST(codec.stream(0).rejected == 0u);
        BOOST_TEST(codec.stream(0).ended);
        h.head(3, many(101, name));
        BOOST_TEST(codec.stream(1).rejected == 431u);
        BOOST_TEST(codec.stream(1).target == "/");
        codec.stream(1).respond(431, {}, "too many fields");
        BOOST_TEST(!h.answers().empty());
        h.head(5, get());
        BOOST_TEST(codec.stream(2).rejected == 0u);
    }
}

BOOST_AUTO_TEST_CASE(one_field_the_target_and_the_whole_head_have_limits) {
    const auto rejected = [](const field_pairs& fields) {
        codec_under_test codec;
        by_hand h(codec);
        std::string block = literals(fields);
        std::string bytes = frame(NGHTTP2_HEADERS, end_stream, 1, block.substr(0, 16'000));
        for (std::size_t at = 16'000; at < block.size(); at += 16'000)
            bytes += frame(NGHTTP2_CONTINUATION, 0, 1, block.substr(at, 16'000));
        codec.receive(bytes);
        codec.receive(frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, {}));
        BOOST_REQUIRE(codec.count() == 1u);
        return codec.stream(0).rejected;
    };
    const auto text = [](std::size_t n) { return std::string(n, 'a'); };
    BOOST_TEST(rejected(get("/" + text(8191))) == 0u);
    BOOST_TEST(rejected(get("/" + text(8192))) == 414u);
    BOOST_TEST(rejected(with(get(), {{"x", text(16'384)}})) == 0u);
    BOOST_TEST(rejected(with(get(), {{"x", text(16'385)}})) == 431u);
    BOOST_TEST(rejected(with(get(), {{"cookie", text(8'000)}, {"cookie", text(8'382)}})) == 0u);
    BOOST_TEST(rejected(with(get(), {{"cookie", text(8'000)}, {"cookie", text(8'383)}})) == 431u);
    // :method GET, :scheme http, :authority a.test, :path / are 42, 43, 48 and 38.
    const std::size_t left = 32'768 - (42 + 43 + 48 + 38) - 3 * 33 - 2 * 15'000;
    const auto three = [&](std::size_t last) {
        return with(get(), {{"x", text(15'000)}, {"y", text(15'000)}, {"z", text(last)}});
    };
    BOOST_TEST(rejected(three(left)) == 0u);
    BOOST_TEST(rejected(three(left + 1)) == 431u);
}

BOOST_AUTO_TEST_CASE(one_stream_too_many_is_refused) {
    codec_under_test codec;
    codec.limits.streams = 3;
    by_hand h(codec);
    for (std::uint32_t id = 1; id < 7; id += 2) h.head(id, get());
    BOOST_TEST(h.reset() == -1);
    h.head(7, get());
    BOOST_TEST(h.reset() == +NGHTTP2_REFUSED_STREAM);
    BOOST_TEST(codec.count() == 3u);
    BOOST_TEST(codec.closing == -1);
    codec.stream(0).respond(200, {}, "ok");
    h.head(9, get());
    BOOST_TEST(codec.count() == 4u);
}

// S10. Streams of the past do not count, but their resets do.
BOOST_AUTO_TEST_CASE(rapid_reset) {
    codec_under_test codec;
    by_hand h(codec);
    std::string bytes;
    std::uint32_t id = 1;
    for (int i = 0; i < 1000; ++i, id += 2)
        bytes += frame(NGHTTP2_HEADERS, whole_head, id, literals(get())) + cancel(id);
    codec.receive(bytes);
    BOOST_TEST(codec.count() <= 101u);
    BOOST_TEST(h.goaway() == +NGHTTP2_ENHANCE_YOUR_CALM);
    BOOST_TEST(codec.closing == +PK_END_LIMIT);
    BOOST_TEST(codec.closing_text == "too many resets");
    for (std::size_t i = 0; i < codec.count(); ++i) BOOST_TEST(codec.stream(i).closed);
}

BOOST_AUTO_TEST_CASE(resets_within_the_limit_are_fine_and_time_forgives_them) {
    codec_under_test codec;
    by_hand h(codec);
    std::uint32_t id = 1;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 100; ++i, id += 2) {
            h.head(id, get());
            codec.receive(cancel(id));
        }
        BOOST_TEST(h.goaway() == -1);
        codec.advance(std::chrono::seconds(10));
    }
    BOOST_TEST(codec.count() == 300u);
    BOOST_TEST(codec.closing == -1);
}

// CVE-2025-8671: valid requests, then a frame that makes the server reset them.
BOOST_AUTO_TEST_CASE(made_you_reset) {
    codec_under_test codec;
    by_hand h(codec);
    std::uint32_t id = 1;
    int sent = 0;
    for (; codec.closing == -1 && sent < 1000; ++sent, id += 2) {
        h.head(id, get());
        codec.receive(window_update(id, 0x7fffffff));  // Larger than a window can be.
        codec.take();
    }
    BOOST_TEST(sent == 101);
    BOOST_TEST(codec.closing == +PK_END_LIMIT);
    BOOST_TEST(codec.closing_text == "too many stream errors");
}

BOOST_AUTO_TEST_CASE(resets_by_the_origins_fault_are_not_the_clients) {
    codec_under_test codec;
    by_hand h(codec);
    std::uint32_t id = 1;
    for (std::size_t i = 0; i < 200; ++i, id += 2) {
        h.head(id, get());
        codec.stream(i).reset(PK_END_ORIGIN_ABORT);
        codec.take();
    }
    BOOST_TEST(codec.closing == -1);
}

// S11.
BOOST_AUTO_TEST_CASE(continuation_flood) {
    codec_under_test codec;
    by_hand h(codec);
    h.head(1, get(), 0);
    for (int i = 0; i < 8; ++i) codec.receive(frame(NGHTTP2_CONTINUATION, 0, 1, {}));
    BOOST_TEST(codec.closing == -1);
    codec.receive(frame(NGHTTP2_CONTINUATION, 0, 1, {}));
    BOOST_TEST(h.goaway() == +NGHTTP2_ENHANCE_YOUR_CALM);
    BOOST_TEST(codec.closing == +PK_END_LIMIT);
    BOOST_TEST(codec.count() == 0u);
}

BOOST_AUTO_TEST_CASE(a_head_is_not_decoded_past_its_limit) {
    codec_under_test codec;
    by_hand h(codec);
    const std::string block(16'384, '\x90');  // accept-encoding: gzip, deflate
    const std::string first = literals(get());
    codec.receive(frame(NGHTTP2_HEADERS, 0, 1, first + block.substr(first.size())));
    codec.receive(frame(NGHTTP2_CONTINUATION, 0, 1, block));
    BOOST_TEST(codec.closing == -1);
    codec.receive(frame(NGHTTP2_CONTINUATION, 0, 1, "\x90"));
    BOOST_TEST(h.goaway() == +NGHTTP2_ENHANCE_YOUR_CALM);
    BOOST_TEST(codec.closing_text == "too many bytes of a head");
}

BOOST_AUTO_TEST_CASE(floods_of_frames_that_say_nothing) {
    const std::string ping(8, 'p');
    struct flood {
        std::string what, bytes;
        int limit;
    };
    const flood table[] = {
        {"SETTINGS frames", frame(NGHTTP2_SETTINGS, 0, 0, {}), 49},  // The preface has one.
        {"PING frames", frame(NGHTTP2_PING, 0, 0, ping), 50},
        {"empty frames", frame(NGHTTP2_DATA, 0, 1, {}), 200},
        {"empty frames", frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\2\0\0", 3)),
         200},
        {"PRIORITY frames", frame(NGHTTP2_PRIORITY, 0, 3, std::string(5, '\0')), 1000},
        {"PRIORITY frames", frame(NGHTTP2_PRIORITY_UPDATE, 0, 0, std::string("\0\0\0\1u=1", 7)),
         1000},
        {"frames of unknown types", frame(0x0b, 0, 0, "anything"), 100},
        {"frames of unknown types", frame(0xff, 0xff, 1, {}), 100},
        {"WINDOW_UPDATE frames", window_update(0, 1), 102},  // One request was made.
        {"WINDOW_UPDATE frames", window_update(1, 1), 102},
    };
    for (const auto& f : table) {
        BOOST_TEST_CONTEXT(f.what) {
            codec_under_test codec;
            by_hand h(codec);
            h.head(1, get(), NGHTTP2_FLAG_END_HEADERS);
            for (int i = 0; i < f.limit; ++i) {
                codec.receive(f.bytes);
                codec.take();
            }
            BOOST_TEST(codec.closing == -1);
            codec.receive(f.bytes);
            BOOST_TEST(h.goaway() == +NGHTTP2_ENHANCE_YOUR_CALM);
            BOOST_TEST(codec.closing == +PK_END_LIMIT);
            BOOST_TEST(codec.closing_text == "too many " + f.what);
        }
    }
}

// Whatever the pieces that they come in.
BOOST_AUTO_TEST_CASE(frames_are_counted_byte_by_byte) {
    codec_under_test codec;
    by_hand h(codec);
    const std::string two = frame(0x0b, 0, 0, "anything") + frame(NGHTTP2_PRIORITY, 0, 3, "12345");
    for (int i = 0; i < 100; ++i)
        for (const char c : two) codec.receive(std::string(1, c));
    h.head(1, get());
    BOOST_TEST(codec.count() == 1u);
    BOOST_TEST(codec.closing == -1);
    codec.receive(frame(0x0b, 0, 0, {}).substr(0, 8));
    BOOST_TEST(codec.closing == -1);
    codec.receive(std::string(1, '\0'));
    BOOST_TEST(codec.closing_text == "too many frames of unknown types");
}

// S12: one field of 4,000 bytes in the table, then an octet for each use of it.
BOOST_AUTO_TEST_CASE(hpack_bomb) {
    codec_under_test codec;
    by_hand h(codec);
    std::string block = literals(get());
    const std::string value(4'000, 'v');
    block += '\x40';  // Into the table.
    block += std::string(
        "\x06"
        "cookie",
        7);
    block += '\x7f';
    block += static_cast<char>((4'000 - 127) % 128 + 128);
    block += static_cast<char>((4'000 - 127) / 128);
    block += value;
    block += std::string(16'384 - block.size(), '\xbe');  // Index 62, the newest.
    codec.receive(frame(NGHTTP2_HEADERS, whole_head, 1, block));
    BOOST_REQUIRE(codec.count() == 1u);
    BOOST_TEST(codec.stream(0).rejected == 431u);
    BOOST_TEST(codec.stream(0).field("cookie").size() < 32'768u);
    BOOST_TEST(codec.closing == -1);
}

// A client that never opens its window: what waits stays with the kernel, nothing is queued here.
BOOST_AUTO_TEST_CASE(a_reader_with_a_closed_window_takes_nothing_but_heads) {
    codec_under_test codec;
    codec.connect();
    const std::string zero("\0\x04\0\0\0\0", 6);  // SETTINGS_INITIAL_WINDOW_SIZE 0
    codec.receive(std::string(h2::preface) + frame(NGHTTP2_SETTINGS, 0, 0, zero));
    codec.take();
    for (std::uint32_t i = 0; i < 100; ++i) {
        codec.receive(frame(NGHTTP2_HEADERS, whole_head, 2 * i + 1, literals(get())));
        codec.stream(i).respond(200, {}, std::string(1000, 'x'));
    }
    std::size_t data = 0;
    for (const auto& f : frames_of(codec.take())) data += f.type == NGHTTP2_DATA;
    BOOST_TEST(data == 0u);
    for (std::uint32_t i = 0; i < 100; ++i) BOOST_TEST(codec.stream(i).waiting() == 1000u);
    codec.receive(window_update(1, 1));
    BOOST_TEST(codec.stream(0).waiting() == 999u);
}

BOOST_AUTO_TEST_CASE(head_and_reset_in_one_packet) {
    codec_under_test codec;
    by_hand h(codec);
    codec.receive(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, literals(get())) +
                  frame(NGHTTP2_DATA, 0, 1, "abc") + cancel(1) +
                  frame(NGHTTP2_DATA, end_stream, 1, "late"));
    BOOST_TEST(codec.stream(0).aborted == +PK_END_CLIENT_ABORT);
    BOOST_TEST(codec.stream(0).closed);
    BOOST_TEST(codec.violations().empty());
}

// RFC 9113 5.1: what follows on a stream that the peer itself has ended.
BOOST_AUTO_TEST_CASE(frames_on_streams_that_are_over) {
    const std::string late_data = frame(NGHTTP2_DATA, 0, 1, "late");
    const std::string late_head = frame(NGHTTP2_HEADERS, whole_head, 1, literals(get()));
    for (const bool by_reset : {true, false}) {
        for (const std::string& late : {late_data, late_head}) {
            codec_under_test codec;
            by_hand h(codec);
            h.head(1, get(), by_reset ? std::uint8_t{NGHTTP2_FLAG_END_HEADERS} : whole_head);
            if (by_reset)
                codec.receive(cancel(1));
            else
                codec.stream(0).respond(200, {}, "x");
            codec.take();
            BOOST_TEST(codec.stream(0).closed);
            codec.receive(late);
            const auto answers = h.answers();
            const auto code = std::uint32_t{NGHTTP2_STREAM_CLOSED};
            if (late == late_data) {
                BOOST_REQUIRE(h2::last(answers, NGHTTP2_RST_STREAM));
                BOOST_TEST(h2::last(answers, NGHTTP2_RST_STREAM)->word(0) == code);
                BOOST_TEST(codec.closing == -1);
            } else {
                BOOST_REQUIRE(h2::last(answers, NGHTTP2_GOAWAY));
                BOOST_TEST(h2::last(answers, NGHTTP2_GOAWAY)->word(4) == code);
            }
            BOOST_TEST(codec.violations().empty());
        }
    }
}

// What was on its way when we reset a stream is nobody's fault.
BOOST_AUTO_TEST_CASE(frames_on_a_stream_that_we_have_reset_are_skipped) {
    codec_under_test codec;
    by_hand h(codec);
    h.head(1, with(get(), {{"connection", "x"}}), NGHTTP2_FLAG_END_HEADERS);
    BOOST_TEST(h.reset() == +NGHTTP2_PROTOCOL_ERROR);
    codec.receive(frame(NGHTTP2_DATA, 0, 1, "late"));
    codec.receive(frame(NGHTTP2_HEADERS, whole_head, 1, literals({{"x", "trailer"}})));
    BOOST_TEST(h.answers().empty());
    h.head(3, get());
    BOOST_TEST(codec.stream(codec.count() - 1).ended);
    BOOST_TEST(codec.closing == -1);
}

BOOST_AUTO_TEST_CASE(a_stream_below_one_that_was_opened) {
    codec_under_test codec;
    by_hand h(codec);
    h.head(5, get());
    h.head(3, get());
    BOOST_TEST(h.goaway() == +NGHTTP2_PROTOCOL_ERROR);
}

BOOST_AUTO_TEST_CASE(priority_frames_that_rfc_9113_7540_and_9218_forbid) {
    for (const std::string& bad : {frame(NGHTTP2_PRIORITY, 0, 0, std::string(5, '\0')),
                                   frame(NGHTTP2_PRIORITY, 0, 3, std::string("\0\0\0\3\0", 5)),
                                   frame(NGHTTP2_PRIORITY_UPDATE, 0, 0, {"\0\0\0\0u=1", 7})}) {
        codec_under_test codec;
        by_hand h(codec);
        codec.receive(bad);
        BOOST_TEST(h.goaway() == +NGHTTP2_PROTOCOL_ERROR);
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_speaks_no_http2_is_told_goodbye) {
    codec_under_test codec;
    codec.connect();
    codec.receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto all = frames_of(codec.take());
    BOOST_TEST(h2::last(all, NGHTTP2_GOAWAY)->word(4) == +NGHTTP2_PROTOCOL_ERROR);
    BOOST_TEST(codec.closing == +PK_END_PROTOCOL);
}

BOOST_AUTO_TEST_CASE(a_connection_error_ends_all_streams_at_once) {
    codec_under_test codec;
    by_hand h(codec);
    h.head(1, get());
    codec.receive(frame(NGHTTP2_DATA, 0, 0, "data of no stream"));
    BOOST_TEST(h.goaway() == +NGHTTP2_PROTOCOL_ERROR);
    BOOST_TEST(codec.closing == +PK_END_PROTOCOL);
    BOOST_TEST(codec.closing_text == "DATA: stream_id == 0");
    BOOST_TEST(codec.stream(0).closed);
    BOOST_TEST(codec.violations().empty());
    by_hand again(codec);  // Where nghttp2 says no more than its code, nor what it said before.
    again.head(1, {{":method", "GET"}, {"Authorization", "secret"}});
    codec.receive(window_update(0, 0x7fffffff));
    BOOST_TEST(again.goaway() == +NGHTTP2_FLOW_CONTROL_ERROR);
    BOOST_TEST(codec.closing_text == "FLOW_CONTROL_ERROR");
}

BOOST_AUTO_TEST_SUITE_END()

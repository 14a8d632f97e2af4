// How long a body is, and what Connection takes along (S01-S03, S26, F15).

#include <boost/test/unit_test.hpp>

#include "kernel/http/framing.hpp"
#include "play.hpp"

using namespace pkernel;
using namespace pkernel::http;
using namespace pkernel::http::test;

namespace {

struct row {
    std::string text;  // Fields, or a status line and fields, each line ended by '|'.
    std::string expected;
};

std::string in_lines(std::string text) {
    for (std::size_t at; (at = text.find('|')) != text.npos;) text.replace(at, 1, "\r\n");
    return text + "\r\n";
}

std::string describe(const framing& f) {
    std::string out = f.kind == body_kind::none      ? "none"
                      : f.kind == body_kind::chunked ? "chunked"
                      : f.kind == body_kind::length  ? std::to_string(f.length)
                                                     : "until_close";
    return out + (f.keep_alive ? "" : " close");
}

const row requests[] = {
    {"1.1", "none"},
    {"1.1 Content-Length: 0|", "0"},
    {"1.1 Content-Length: 9223372036854775807|", "9223372036854775807"},
    {"1.1 cOnTeNt-LeNgTh:\t003 |", "3"},
    {"1.1 Content-Length: 3|Content-Length: 3|", "3"},
    {"1.1 Transfer-Encoding: chunked|", "chunked"},
    {"1.1 Transfer-Encoding: ChunKed|", "chunked"},
    {"1.1 Connection: close|", "none close"},
    {"1.1 Connection: foo, CLOSE|", "none close"},
    {"1.1 Connection: closed|", "none"},
    {"1.1 Connection: keep-alive|Connection: close|", "none close"},
    {"1.1 Connection: , ,|", "none"},
    {"1.0", "none close"},
    {"1.0 Connection: Keep-Alive|", "none"},
    {"1.0 Connection: keep-alive, close|", "none close"},
    {"1.0 Content-Length: 3|", "3 close"},
    {"1.1 Content-Length: 5|Transfer-Encoding: chunked|",
     "bad 400 content_length_and_transfer_encoding"},
    {"1.1 Transfer-Encoding: chunked|Content-Length: 0|",
     "bad 400 content_length_and_transfer_encoding"},
    {"1.0 Content-Length: 3|Transfer-Encoding: chunked|",
     "bad 400 content_length_and_transfer_encoding"},
    {"1.0 Transfer-Encoding: chunked|", "bad 400 transfer_encoding_in_http10"},
    {"1.1 Content-Length: 3|Content-Length: 0|", "bad 400 content_lengths_differ"},
    {"1.1 Content-Length: 0|X: y|content-length: 3|", "bad 400 content_lengths_differ"},
    {"1.1 Content-Length: 3|Content-Length: x|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 3, 3|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: +3|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: -0|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 0x3|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 3.0|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 1 0|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: \"3\"|", "bad 400 bad_content_length"},
    {"1.1 Content-Length:|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: \xd9\xa3|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 9223372036854775808|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 18446744073709551621|", "bad 400 bad_content_length"},
    {"1.1 Content-Length: 00000000000000000003|", "bad 400 bad_content_length"},
    {"1.1 Transfer-Encoding: chunked|Transfer-Encoding: chunked|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: cow|Transfer-Encoding: chunked|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding:|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: chunked, gzip|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: gzip, chunked|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: chunked,|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: \"chunked\"|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: chunked;q=1|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: chunked\xa0|", "bad 400 bad_transfer_encoding"},
    {"1.1 Transfer-Encoding: gzip|", "bad 501 unsupported_transfer_coding"},
    {"1.1 Transfer-Encoding: identity|", "bad 501 unsupported_transfer_coding"},
    {"1.1 Transfer-Encoding: xchunked|", "bad 501 unsupported_transfer_coding"},
};

const row responses[] = {
    {"HTTP/1.1 200 OK|", "until_close close"},
    {"HTTP/1.0 200 OK|Connection: keep-alive|", "until_close close"},
    {"HTTP/1.1 200 OK|Content-Length: 2|", "2"},
    {"HTTP/1.0 200 OK|Content-Length: 2|", "2 close"},
    {"HTTP/1.0 200 OK|Connection: keep-alive|Content-Length: 2|", "2"},
    {"HTTP/1.1 200 OK|Transfer-Encoding: chunked|", "chunked"},
    {"HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close|", "chunked close"},
    {"HTTP/1.1 204 X|", "none"},
    {"HTTP/1.1 204 X|Content-Length: 2|", "none"},
    {"HTTP/1.1 204 X|Transfer-Encoding: chunked|", "none"},
    {"HTTP/1.1 304 X|Content-Length: 100|", "none"},
    {"HTTP/1.1 304 X|Connection: close|", "none close"},
    {"HTTP/1.1 100 X|", "none"},
    {"HTTP/1.1 101 X|", "none"},
    {"HTTP/1.1 103 X|Content-Length: 9|", "none"},
    {"HTTP/1.1 205 X|", "until_close close"},
    {"HTTP/1.1 200 X|Content-Length: 2|Transfer-Encoding: chunked|",
     "bad 502 content_length_and_transfer_encoding"},
    {"HTTP/1.1 200 X|Content-Length: 2, 3|", "bad 502 bad_content_length"},
    {"HTTP/1.1 200 X|Content-Length: 2|Content-Length: 3|", "bad 502 content_lengths_differ"},
    {"HTTP/1.1 200 X|Transfer-Encoding: gzip|", "bad 502 unsupported_transfer_coding"},
    {"HTTP/1.1 200 X|Transfer-Encoding: gzip, chunked|", "bad 502 bad_transfer_encoding"},
    {"HTTP/1.0 200 X|Transfer-Encoding: chunked|", "bad 502 transfer_encoding_in_http10"},
};

struct rig {
    base::block_pool pool;
    base::arena arena{pool};

    std::string of_request(const std::string& text) {
        request_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        const auto fields = text.size() > 4 ? text.substr(4) : "";
        const auto bytes = in_lines("POST / HTTP/" + text.substr(0, 3) + "|" + fields);
        BOOST_TEST_REQUIRE(
            (parse_request(bytes, 0, {}, head, &consumed, fault) == parse_result::complete));
        framing f;
        return request_framing(head, f, fault) ? describe(f) : describe_bad(fault);
    }

    std::string of_response(const std::string& text, bool to_head = false,
                            bool to_connect = false) {
        response_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        const auto bytes = in_lines(text);
        BOOST_TEST_REQUIRE(
            (parse_response(bytes, 0, {}, head, &consumed, fault) == parse_result::complete));
        framing f;
        return response_framing(head, to_head, to_connect, f, fault) ? describe(f)
                                                                     : describe_bad(fault);
    }

    std::string after_removal(const std::string& text) {
        const auto bytes = in_lines("GET / HTTP/1.1|" + text);
        request_head head(arena);
        std::size_t consumed = 0;
        parse_fault fault;
        parse_request(bytes, 0, {}, head, &consumed, fault);
        remove_connection_fields(head.headers);
        return test::describe(head.headers);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(framing_, rig)

BOOST_AUTO_TEST_CASE(of_requests) {
    for (const row& r : requests) BOOST_TEST(of_request(r.text) == r.expected, r.text);
}

BOOST_AUTO_TEST_CASE(of_responses) {
    for (const row& r : responses) BOOST_TEST(of_response(r.text) == r.expected, r.text);
}

BOOST_AUTO_TEST_CASE(of_responses_to_head_and_connect) {
    BOOST_TEST(of_response("HTTP/1.1 200 OK|Content-Length: 100|", true) == "none");
    BOOST_TEST(of_response("HTTP/1.1 200 OK|Transfer-Encoding: chunked|", true) == "none");
    BOOST_TEST(of_response("HTTP/1.1 200 OK|", true) == "none");
    BOOST_TEST(of_response("HTTP/1.1 200 OK|Content-Length: 2|Transfer-Encoding: chunked|", true) ==
               "bad 502 content_length_and_transfer_encoding");
    BOOST_TEST(of_response("HTTP/1.1 200 OK|Content-Length: 2|", false, true) == "none");
    BOOST_TEST(of_response("HTTP/1.1 403 No|Content-Length: 2|", false, true) == "2");
}

BOOST_AUTO_TEST_CASE(connection_options_are_bounded) {
    std::string options = "a";
    for (int i = 1; i < 100; ++i) options += ",a";
    BOOST_TEST(of_request("1.1 Connection: " + options + "|") == "none");
    BOOST_TEST(of_request("1.1 Connection: " + options + ",|") == "none");
    BOOST_TEST(of_request("1.1 Connection: " + options + ",a|") ==
               "bad 431 too_many_connection_options");
    BOOST_TEST(of_request("1.1 Connection: " + options + "|Connection: a|") ==
               "bad 431 too_many_connection_options");
    BOOST_TEST(of_response("HTTP/1.1 200 OK|Connection: " + options + ",a|") ==
               "bad 502 too_many_connection_options");
}

BOOST_AUTO_TEST_CASE(connection_takes_along_what_concerns_it_only) {
    const row rows[] = {
        {"Host: a|X: y|", " | Host=a | X=y"},
        {"Connection: keep-alive|X: y|", " | X=y"},
        {"X: 1|Connection: x, Y|y: 2|Z: 3|x: 4|", " | Z=3"},
        {"A: 1|Connection: a|B: 2|Connection: b ,|C: 3|", " | C=3"},
        {"Keep-Alive: x|Proxy-Connection: x|TE: x|Upgrade: x|HTTP2-Settings: x|Trailer: t|",
         " | Trailer=t"},
        {"Transfer-Encoding: chunked|X: y|", " | X=y"},
        {"Host: a|Connection: close, X-Forwarded-For, X-Auth, Host, Cookie, Content-Length, "
         "Authorization|Cookie: c|Content-Length: 1|X-Forwarded-For: 1|X-Auth: x|Authorization: b|",
         " | Host=a | Cookie=c | Content-Length=1 | X-Forwarded-For=1 | Authorization=b"},
        {"Connection: Forwarded, X-Real-IP, Via|Forwarded: f|X-Real-IP: r|Via: v|",
         " | Forwarded=f | X-Real-IP=r | Via=v"},
        {"Connection: \"X\"|X: y|", " | X=y"},
    };
    for (const row& r : rows) BOOST_TEST(after_removal(r.text) == r.expected, r.text);
}

BOOST_AUTO_TEST_CASE(lists_are_searched_for_whole_tokens) {
    fields all(arena);
    all.append("Connection", "keep-alive, Upgrade");
    all.append("connection", " x\t,y");
    for (const char* token : {"upgrade", "KEEP-ALIVE", "x", "y"})
        BOOST_TEST(lists_token(all, PK_FIELD_CONNECTION, token));
    for (const char* token : {"keep", "alive", "z", "keep-alive, Upgrade"})
        BOOST_TEST(!lists_token(all, PK_FIELD_CONNECTION, token));
    BOOST_TEST(!lists_token(all, PK_FIELD_UPGRADE, "x"));
}

BOOST_AUTO_TEST_SUITE_END()

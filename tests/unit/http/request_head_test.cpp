// Request heads: what is read, what is refused and by which word (S01, S02, S19, S21).

#include <boost/test/unit_test.hpp>

#include "play.hpp"

using namespace pkernel;
using namespace pkernel::http;
using namespace pkernel::http::test;
using namespace std::string_literals;

namespace {

struct row {
    std::string text;
    std::string expected;
};

const row good[] = {
    {"GET / HTTP/1.1\r\n\r\n", "GET / 1"},
    {"GET / HTTP/1.0\r\n\r\n", "GET / 0"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1 | Host=a"},
    {"GET / HTTP/1.1\r\nHost:a\r\nX:\t y \t \r\n\r\nrest", "GET / 1 | Host=a | X=y + 4 left"},
    {"\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1"},
    {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1"},
    {"GET /a?b#c HTTP/1.1\r\n\r\n", "GET /a?b#c 1"},
    {"GET /\xff\x80 HTTP/1.1\r\n\r\n", "GET /\xff\x80 1"},
    {"GET * HTTP/1.1\r\n\r\n", "GET * 1"},
    {"BREW a HTTP/1.1\r\n\r\n", "BREW a 1"},
    {"get / HTTP/1.1\r\n\r\n", "get / 1"},
    {"!#$%&'*+-.^_`|~09Az / HTTP/1.1\r\n\r\n", "!#$%&'*+-.^_`|~09Az / 1"},
    {"GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09Az: y\r\n\r\n", "GET / 1 | !#$%&'*+-.^_`|~09Az=y"},
    {"GET / HTTP/1.1\r\nX:\r\nY: \r\nZ: \t\t\r\n\r\n", "GET / 1 | X= | Y= | Z="},
    {"GET / HTTP/1.1\r\nX: caf\xc3\xa9 \"\\ \x80\r\n\r\n", "GET / 1 | X=caf\xc3\xa9 \"\\ \x80"},
    {"GET / HTTP/1.1\r\nX: a\tb:c  d\r\n\r\n", "GET / 1 | X=a\tb:c  d"},
    {"GET / HTTP/1.1\r\nX: 0123456789abcdef\t0123456789abcdef\r\n\r\n",
     "GET / 1 | X=0123456789abcdef\t0123456789abcdef"},
    {"GET / HTTP/1.1\r\nX: 1\r\nx: 2\r\nX: 3\r\n\r\n", "GET / 1 | X=1 | x=2 | X=3"},
    {"POST /x HTTP/1.1\r\nHOST: a\r\ncontent-LENGTH: 3\r\n\r\nabc",
     "POST /x 1 | HOST=a | content-LENGTH=3 + 3 left"},
};

const row bad[] = {
    // The request line.
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", "bad 400 bare_lf"},
    {"GET / HTTP/1.0\n\r\n\r\n", "bad 400 bare_lf"},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", "bad 400 bare_cr"},
    {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "bad 400 bare_cr"},
    {"GET / HTTP/1.1\r Host: a\r\n\r\n", "bad 400 bare_cr"},
    {"GET /\rHost: a\r\n\r\n", "bad 400 bare_cr"},
    {"GET\rX / HTTP/1.1\r\n\r\n", "bad 400 bare_cr"},
    {"GET /\nHost: a\r\n\r\n", "bad 400 bare_lf"},
    {"\nGET / HTTP/1.1\r\n\r\n", "bad 400 bare_lf"},
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"\rGET / HTTP/1.1\r\n\r\n", "bad 400 bare_cr"},
    {"GET  / HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET /  HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET\t/ HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET /\tHTTP/1.1\r\n\r\n", "bad 400 bad_target"},
    {" GET / HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET / HTTP/1.1 \r\n\r\n", "bad 400 bad_version"},
    {"GET /a b HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET / HTTP/1.1 HTTP/1.1\r\n\r\n", "bad 400 bad_version"},
    {"GET /\r\nHost: a\r\n\r\n", "bad 400 bad_request_line"},
    {"GET\r\nHost: a\r\n\r\n", "bad 400 bad_request_line"},
    {"GET / \r\nHost: a\r\n\r\n", "bad 400 bad_request_line"},
    {"GET / HTTP/2.0\r\n\r\n", "bad 505 unsupported_version"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad 505 unsupported_version"},
    {"GET / HTTP/1.2\r\n\r\n", "bad 505 unsupported_version"},
    {"GET / HTTP/0.9\r\n\r\n", "bad 505 unsupported_version"},
    {"GET / HTTP/1\r\n\r\n", "bad 400 bad_version"},
    {"GET / HTTP/1.10\r\n\r\n", "bad 400 bad_version"},
    {"GET / HTTP/11\r\n\r\n", "bad 400 bad_version"},
    {"GET / HTTP/1.x\r\n\r\n", "bad 400 bad_version"},
    {"GET / HTTP/1,1\r\n\r\n", "bad 400 bad_version"},
    {"GET / http/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET / HTTPS/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET / HTTP/1.1\0\r\n\r\n"s, "bad 400 bad_request_line"},
    {"GE(T / HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GET: / HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"GE\0T / HTTP/1.1\r\n\r\n"s, "bad 400 bad_request_line"},
    {"G\xc3\x89T / HTTP/1.1\r\n\r\n", "bad 400 bad_request_line"},
    {"\x16\x03\x01\x02", "bad 400 bad_request_line"},
    {"GET /\0 HTTP/1.1\r\n\r\n"s, "bad 400 bad_target"},
    {"GET /\x07 HTTP/1.1\r\n\r\n", "bad 400 bad_target"},
    {"GET /\x7f HTTP/1.1\r\n\r\n", "bad 400 bad_target"},
    // Fields.
    {"GET / HTTP/1.1\r\nX : y\r\n\r\n", "bad 400 space_before_colon"},
    {"GET / HTTP/1.1\r\nX\t: y\r\n\r\n", "bad 400 space_before_colon"},
    {"GET / HTTP/1.1\r\nX \t : y\r\n\r\n", "bad 400 space_before_colon"},
    {"GET / HTTP/1.1\r\nX y: z\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\nX y\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\nX\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\n: y\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "bad 400 obs_fold"},
    {"GET / HTTP/1.1\r\nX: y\r\n z\r\n\r\n", "bad 400 obs_fold"},
    {"GET / HTTP/1.1\r\nX: y\r\n\tz\r\n\r\n", "bad 400 obs_fold"},
    {"GET / HTTP/1.1\r\nX: y\r\n \r\n\r\n", "bad 400 obs_fold"},
    {"GET / HTTP/1.1\r\nX:\r\n y\r\n\r\n", "bad 400 obs_fold"},
    {"GET / HTTP/1.1\r\nX: y\nZ: z\r\n\r\n", "bad 400 bare_lf"},
    {"GET / HTTP/1.1\r\nX: y\r\n\nZ", "bad 400 bare_lf"},
    {"GET / HTTP/1.1\r\nX\nZ: z\r\n\r\n", "bad 400 bare_lf"},
    {"GET / HTTP/1.1\r\nX: y\rZ: z\r\n\r\n", "bad 400 bare_cr"},
    {"GET / HTTP/1.1\r\nX: y\r\r\n\r\n", "bad 400 bare_cr"},
    {"GET / HTTP/1.1\r\nX: y\r\n\rZ", "bad 400 bare_cr"},
    {"GET / HTTP/1.1\r\nX\rZ: z\r\n\r\n", "bad 400 bare_cr"},
    {"GET / HTTP/1.1\r\nX: y\0z\r\n\r\n"s, "bad 400 bad_field_value"},
    {"GET / HTTP/1.1\r\nX: y\x01z\r\n\r\n", "bad 400 bad_field_value"},
    {"GET / HTTP/1.1\r\nX: \x1b[31m\r\n\r\n", "bad 400 bad_field_value"},
    {"GET / HTTP/1.1\r\nX: y\x7f\r\n\r\n", "bad 400 bad_field_value"},
    {"GET / HTTP/1.1\r\nX:\x0by\r\n\r\n", "bad 400 bad_field_value"},
    {"GET / HTTP/1.1\r\nX: 0123456789abcdef\t0123456789abcde\x0c\r\n\r\n",
     "bad 400 bad_field_value"},
    {"GET / HTTP/1.1\r\nX\0: y\r\n\r\n"s, "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\nX(): y\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\nX/Y: y\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\nX\xe9: y\r\n\r\n", "bad 400 bad_field_name"},
    {"GET / HTTP/1.1\r\n\"X\": y\r\n\r\n", "bad 400 bad_field_name"},
};

const std::string incomplete[] = {
    "",
    "G",
    "GET",
    "GET ",
    "GET /",
    "GET / HTTP/1.1",
    "\r",
    "\r\n",
    "GET / HTTP/1.1\r",
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nX",
    "GET / HTTP/1.1\r\nX:",
    "GET / HTTP/1.1\r\nX: y",
    "GET / HTTP/1.1\r\nX: y\r",
    "GET / HTTP/1.1\r\nX: y\r\n",
    "GET / HTTP/1.1\r\nX: y\r\n\r",
    "GET / HTTP/1.1\r\nX ",
    "GET / HTTP/1.1\r\nX\r",
    "GET /\r",
    "GET / HTTP/9.9\r",
};

struct rig {
    base::block_pool pool;
    base::arena arena{pool};
};

std::string line_of(std::size_t size) {
    return "GET /" + std::string(size - 14, 'a') + " HTTP/1.1";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(request_head_, rig)

BOOST_AUTO_TEST_CASE(reads_what_is_in_order) {
    for (const row& r : good) BOOST_TEST(play(request_parser(arena), r.text) == r.expected);
}

BOOST_AUTO_TEST_CASE(refuses_with_a_word_for_each_fault) {
    for (const row& r : bad)
        BOOST_TEST(play(request_parser(arena), r.text) == r.expected, "text: " << r.text);
}

BOOST_AUTO_TEST_CASE(needs_more_before_the_end) {
    for (const auto& text : incomplete)
        BOOST_TEST(play(request_parser(arena), text) == "need_more", "text: " << text);
}

BOOST_AUTO_TEST_CASE(every_prefix_of_a_good_head_needs_more) {
    for (const row& r : good) {
        const auto end = r.text.find("\r\n\r\n", r.text.find("HTTP/")) + 4;
        for (std::size_t n = 0; n < end; ++n)
            BOOST_TEST(play(request_parser(arena), r.text.substr(0, n)) == "need_more");
    }
}

BOOST_AUTO_TEST_CASE(every_split_reads_the_same) {
    const auto check = [&](const row& r) {
        const auto parse = request_parser(arena);
        const auto expected = without_left(r.expected);
        BOOST_TEST(without_left(play_split(parse, r.text, 1, 1)) == expected, r.text);
        for (std::size_t first = 0; first <= r.text.size(); ++first)
            BOOST_TEST(without_left(play_split(parse, r.text, first, 100)) == expected, r.text);
    };
    for (const row& r : good) check(r);
    for (const row& r : bad) check(r);
}

BOOST_AUTO_TEST_CASE(the_request_line_has_a_limit) {
    const head_limits limits;
    const auto parse = request_parser(arena);
    const auto fits = line_of(limits.line_max);
    BOOST_TEST(play(parse, fits + "\r\n\r\n").starts_with("GET /aaa"));
    BOOST_TEST(play(parse, fits) == "need_more");
    BOOST_TEST(play(parse, fits + "\r") == "need_more");
    BOOST_TEST(play(parse, "\r\n" + fits) == "need_more");
    const std::string refused = "bad 414 request_line_too_long";
    BOOST_TEST(play(parse, line_of(limits.line_max + 1) + "\r\n\r\n") == refused);
    BOOST_TEST(play(parse, line_of(limits.line_max + 1)) == refused);
    const std::string method(limits.line_max, 'M');
    BOOST_TEST(play(parse, method) == "need_more");
    BOOST_TEST(play(parse, method + "M") == refused);
    BOOST_TEST(play(parse, "GET /" + std::string(limits.line_max - 5, 'a')) == "need_more");
    BOOST_TEST(play(parse, "GET /" + std::string(limits.line_max - 4, 'a')) == refused);
    BOOST_TEST(play_split(parse, "GET /" + std::string(9000, 'a'), 1, 100) == refused);
}

BOOST_AUTO_TEST_CASE(one_field_has_a_limit) {
    const head_limits limits;
    const auto parse = request_parser(arena);
    const std::string line = "GET / HTTP/1.1\r\n";
    const std::string refused = "bad 431 field_too_long";
    for (const std::string part : {"", "X:", "X: ", "X: \t"}) {
        const std::string fits = line + part + std::string(limits.field_max - part.size(), 'a');
        BOOST_TEST(play(parse, fits) == "need_more");
        BOOST_TEST(play(parse, fits + "a") == refused);
        BOOST_TEST(play_split(parse, fits, 1, 7) == "need_more");
        BOOST_TEST(play_split(parse, fits + "a", 1, 7) == refused);
        if (part.empty()) continue;
        BOOST_TEST(play(parse, fits + "\r\n\r\n").starts_with("GET / 1 | X=a"));
        BOOST_TEST(play(parse, fits + "a\r\n\r\n") == refused);
        BOOST_TEST(play(parse, fits + "\n") == "bad 400 bare_lf");
        BOOST_TEST(play(parse, fits + "a\n") == refused);
    }
    const std::string blanks = line + "X:" + std::string(limits.field_max, ' ');
    BOOST_TEST(play(parse, blanks) == refused);
    BOOST_TEST(play(parse, line + "X" + std::string(limits.field_max, ' ')) == refused);
}

BOOST_AUTO_TEST_CASE(the_whole_head_has_a_limit) {
    const head_limits limits;
    const auto parse = request_parser(arena);
    std::string head = "GET / HTTP/1.1\r\n";
    while (head.size() + 1000 < limits.head_max) head += "X: " + std::string(900, 'a') + "\r\n";
    const auto rest = limits.head_max - head.size() - 7;
    const auto fits = head + "X: " + std::string(rest, 'a') + "\r\n\r\n";
    const auto over = head + "X: " + std::string(rest + 1, 'a') + "\r\n\r\n";
    const std::string refused = "bad 431 head_too_large";
    BOOST_TEST_REQUIRE(fits.size() == limits.head_max);
    BOOST_TEST(play(parse, fits).starts_with("GET / 1"));
    BOOST_TEST(play(parse, fits + "more").ends_with("4 left"));
    BOOST_TEST(play(parse, over) == refused);
    BOOST_TEST(play(parse, over.substr(0, limits.head_max)) == refused);
    BOOST_TEST(play(parse, over.substr(0, limits.head_max - 1)) == "need_more");
    BOOST_TEST(play(parse, "\r\n" + fits) == refused);
    BOOST_TEST(play_split(parse, fits, 1, 13).starts_with("GET / 1"));
    BOOST_TEST(play_split(parse, over, 1, 13) == refused);
}

BOOST_AUTO_TEST_CASE(the_number_of_fields_has_a_limit) {
    const head_limits limits;
    const auto parse = request_parser(arena);
    std::string head = "GET / HTTP/1.1\r\n";
    for (std::uint32_t i = 0; i < limits.fields_max; ++i) head += "X: y\r\n";
    const std::string refused = "bad 431 too_many_fields";
    BOOST_TEST(play(parse, head + "\r\n").starts_with("GET / 1"));
    BOOST_TEST(play(parse, head) == "need_more");
    BOOST_TEST(play(parse, head + "X: y\r\n") == refused);
    BOOST_TEST(play(parse, head + "X: y\r\n\r\n") == refused);
    BOOST_TEST(play_split(parse, head + "\r\n", 1, 1).starts_with("GET / 1"));
    BOOST_TEST(play_split(parse, head + "X: y\r\n", 1, 1) == refused);
    BOOST_TEST(play_split(parse, head + "X: y\r\n", 20, 6) == refused);
}

BOOST_AUTO_TEST_SUITE_END()

// Response heads and trailer sections (S03, F10, F11).

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

const row responses[] = {
    {"HTTP/1.1 200 OK\r\n\r\n", "1 200 [OK]"},
    {"HTTP/1.0 200 OK\r\nX: y\r\n\r\nbody", "0 200 [OK] | X=y + 4 left"},
    {"HTTP/1.1 200 \r\n\r\n", "1 200 []"},
    {"HTTP/1.1 200\r\n\r\n", "1 200 []"},
    {"HTTP/1.1 404 d\xc3\xa9j\xc3\xa0 \t vu\r\n\r\n", "1 404 [d\xc3\xa9j\xc3\xa0 \t vu]"},
    {"HTTP/1.1 200  OK\r\n\r\n", "1 200 [ OK]"},
    {"HTTP/1.1 599 X\r\n\r\n", "1 599 [X]"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "1 100 [Continue] + 19 left"},
    {"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
     "1 200 [OK] | Set-Cookie=a | Set-Cookie=b"},
    {"\r\n\r\n", "bad 502 bad_status_line"},
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"\x16\x03\x01 hello\r\n\r\n", "bad 502 bad_status_line"},
    {"hello", "bad 502 bad_status_line"},
    {"<html>hello</html>\n", "bad 502 bad_status_line"},
    {"ICY 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/2.0 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/0.9 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"http/1.1 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.10 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.9 200 OK\r\n", "bad 502 bad_version"},
    {"HTTP/1.2 200 OK\r\n\r\n", "bad 502 bad_version"},
    {"HTTP/1.x 200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 20 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 20\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 2000 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 099 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 -20 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 2x0 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 20x OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1  200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1\t200 OK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 200\tOK\r\n\r\n", "bad 502 bad_status_line"},
    {"GET / HTTP/1.1\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 200 O\0K\r\n\r\n"s, "bad 502 bad_status_line"},
    {"HTTP/1.1 200 O\x7fK\r\n\r\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 200 OK\n\r\n", "bad 502 bare_lf"},
    {"HTTP/1.1 200 O\rK\r\n\r\n", "bad 502 bare_cr"},
    {"HTTP/1.1 200\n\r\n", "bad 502 bare_lf"},
    {"HTTP/1.\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 20\n", "bad 502 bad_status_line"},
    {"HTTP/1.1 200 OK\r\nX: y\nZ: z\r\n\r\n", "bad 502 bare_lf"},
    {"HTTP/1.1 200 OK\r\nX: y\rSet-Cookie: evil=1\r\n\r\n", "bad 502 bare_cr"},
    {"HTTP/1.1 200 OK\r\nX: y\0\r\n\r\n"s, "bad 502 bad_field_value"},
    {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "bad 502 space_before_colon"},
    {"HTTP/1.1 200 OK\r\nX y\r\n\r\n", "bad 502 bad_field_name"},
    {"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "bad 502 obs_fold"},
};

const row trailers[] = {
    {"\r\n", "trailers"},
    {"\r\nGET / HTTP/1.1\r\n\r\n", "trailers + 18 left"},
    {"X-Sum: 1\r\ngrpc-status: 0\r\n\r\n", "trailers | X-Sum=1 | grpc-status=0"},
    {"Content-Length: 5\r\nX: y\r\n\r\n", "trailers | Content-Length=5 | X=y"},
    {"no colon\r\n\r\n", "bad 400 bad_field_name"},
    {"X : y\r\n\r\n", "bad 400 space_before_colon"},
    {" X: y\r\n\r\n", "bad 400 obs_fold"},
    {"X: y\r\n z\r\n\r\n", "bad 400 obs_fold"},
    {"X: y\nZ: z\r\n\r\n", "bad 400 bare_lf"},
    {"\n", "bad 400 bare_lf"},
    {"\rX", "bad 400 bare_cr"},
    {"X: y\r\n\rX", "bad 400 bare_cr"},
};

struct rig {
    base::block_pool pool;
    base::arena arena{pool};

    void check(const parser& parse, const row& r) {
        BOOST_TEST(play(parse, r.text) == r.expected, r.text);
        const auto expected = without_left(r.expected);
        BOOST_TEST(without_left(play_split(parse, r.text, 1, 1)) == expected, r.text);
        for (std::size_t first = 0; first <= r.text.size(); ++first)
            BOOST_TEST(without_left(play_split(parse, r.text, first, 100)) == expected, r.text);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(response_head_, rig)

BOOST_AUTO_TEST_CASE(is_read_or_refused_whole_and_in_pieces) {
    for (const row& r : responses) check(response_parser(arena), r);
}

BOOST_AUTO_TEST_CASE(needs_more_before_the_end) {
    const std::string text = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n";
    for (std::size_t n = 0; n < text.size(); ++n)
        BOOST_TEST(play(response_parser(arena), text.substr(0, n)) == "need_more");
}

BOOST_AUTO_TEST_CASE(sizes_have_limits) {
    const head_limits limits{1000, 2000, 8000, 20};
    const auto parse = response_parser(arena, limits);
    const std::string too_large = "bad 502 response_head_too_large";
    const std::string ok = "HTTP/1.1 200 OK\r\n";

    const std::string line = "HTTP/1.1 200 " + std::string(987, 'x');
    BOOST_TEST(play(parse, line + "\r\n\r\n").starts_with("1 200"));
    BOOST_TEST(play(parse, line) == "need_more");
    BOOST_TEST(play(parse, line + "x\r\n\r\n") == too_large);
    BOOST_TEST(play(parse, line + "x") == too_large);

    const std::string field = ok + "X: " + std::string(1997, 'y');
    BOOST_TEST(play(parse, field + "\r\n\r\n").starts_with("1 200"));
    BOOST_TEST(play(parse, field + "y") == too_large);
    BOOST_TEST(play_split(parse, field + "y", 1, 9) == too_large);

    std::string fields_all = ok;
    for (int i = 0; i < 20; ++i) fields_all += "X: y\r\n";
    BOOST_TEST(play(parse, fields_all + "\r\n").starts_with("1 200"));
    BOOST_TEST(play(parse, fields_all + "X: y\r\n") == "bad 502 response_too_many_fields");

    std::string head = ok;
    for (int i = 0; i < 4; ++i) head += "X: " + std::string(1900, 'y') + "\r\n";
    head += "X: " + std::string(8000 - head.size() - 7, 'y');
    BOOST_TEST(play(parse, head + "\r\n\r\n").starts_with("1 200"));
    BOOST_TEST(play(parse, head + "y\r\n\r\n") == too_large);
    BOOST_TEST(play(parse, head + "y\r\n\r") == too_large);
}

BOOST_AUTO_TEST_CASE(trailers_are_read_or_refused_whole_and_in_pieces) {
    for (const row& r : trailers) check(trailer_parser(arena), r);
}

BOOST_AUTO_TEST_CASE(trailers_have_limits) {
    const auto parse = trailer_parser(arena, {8000, 2000, 4000, 20});
    const std::string field = "X: " + std::string(1997, 'y');
    BOOST_TEST(play(parse, field + "\r\n\r\n").starts_with("trailers | X=yy"));
    BOOST_TEST(play(parse, field + "y") == "bad 431 trailer_too_large");
    BOOST_TEST(play(parse, field + "\r\n" + field) == "bad 431 trailer_too_large");
    std::string many;
    for (int i = 0; i < 20; ++i) many += "X: y\r\n";
    BOOST_TEST(play(parse, many + "\r\n").starts_with("trailers | X=y"));
    BOOST_TEST(play(parse, many + "X: y\r\n") == "bad 431 too_many_trailers");
}

BOOST_AUTO_TEST_CASE(tokens_and_values_are_told_from_the_rest) {
    BOOST_TEST(is_token("!#$%&'*+-.^_`|~09Az"));
    for (const std::string_view s : {"", "a b", "a:", "a\r", "\xe9", "(", "a\x7f"})
        BOOST_TEST(!is_token(s));
    for (const std::string_view s : {"", "a", "a b\tc", "\xe9", "a, \"b\""})
        BOOST_TEST(is_field_value(s));
    for (const std::string_view s : {" a", "a ", "\ta", "a\r\nb", "a\nb", "a\rb", "\x7f", "a\x01"})
        BOOST_TEST(!is_field_value(s));
    BOOST_TEST(!is_field_value(std::string_view("a\0b", 3)));
}

BOOST_AUTO_TEST_SUITE_END()

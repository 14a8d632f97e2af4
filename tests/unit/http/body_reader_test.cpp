// Bodies by their framing: data, ends and trailers at every split, and never a byte of what
// follows.

#include <boost/test/unit_test.hpp>

#include <string>

#include "kernel/http/body_reader.hpp"
#include "play.hpp"

using namespace pkernel;
using namespace pkernel::http;
using event = body_reader::event;

namespace {

constexpr framing chunked{body_kind::chunked, 0, true};
constexpr head_limits limits{100, 40, 80, 3};

framing length(std::uint64_t n) {
    return {body_kind::length, n, true};
}

// Feeds the text: `first` bytes, then `piece` at a time behind what was not consumed.
std::string play(const framing& f, std::string_view text, std::size_t first, std::size_t piece) {
    static test::guarded memory;
    base::block_pool pool;
    base::arena arena(pool);
    fields trailers(arena);
    body_reader reader;
    reader.begin(f);
    std::string body;
    std::size_t used = 0;
    for (std::size_t had = 0; had < text.size() && !reader.over();) {
        had = std::min(had + (had == 0 ? first : piece), text.size());
        while (used < had && !reader.over()) {
            parse_fault fault;
            const auto bytes = memory.hold(text.substr(used, had - used));
            const auto step = reader.next(bytes, limits, trailers, fault);
            used += step.consumed;
            body += step.data;
            if (step.what == event::bad) return "<" + body + "> " + test::describe_bad(fault);
            if (step.what == event::need_more) break;
            BOOST_TEST((step.what == event::data || reader.over()));
            if (reader.over())
                return "<" + body + ">" + test::describe(trailers) + " + " +
                       std::string(text.substr(used));
        }
    }
    return "<" + body + ">" + (reader.over() ? " over" : " needs more");
}

void check(const framing& f, const std::string& text, const std::string& expected) {
    BOOST_TEST(play(f, text, text.size(), 1) == expected, text);
    BOOST_TEST(play(f, text, 1, 1) == expected, text);
    for (std::size_t first = 1; first < text.size(); ++first)
        BOOST_TEST(play(f, text, first, text.size()) == expected, text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bodies)

BOOST_AUTO_TEST_CASE(of_known_length_end_with_their_last_byte) {
    check(length(3), "abcGET", "<abc> + GET");
    check(length(3), "abc", "<abc> + ");
    check(length(4), "abc", "<abc> needs more");
}

BOOST_AUTO_TEST_CASE(of_nothing_are_over_at_once) {
    body_reader reader;
    BOOST_TEST(reader.over());
    reader.begin(chunked);
    BOOST_TEST(!reader.over());
    reader.begin(length(0));
    BOOST_TEST(reader.over());
    reader.begin({body_kind::none, 0, true});
    BOOST_TEST(reader.over());
}

BOOST_AUTO_TEST_CASE(of_no_length_take_all_that_comes) {
    check({body_kind::until_close, 0, false}, "abc0\r\n\r\n", "<abc0\r\n\r\n> needs more");
}

BOOST_AUTO_TEST_CASE(of_chunks_end_behind_their_trailers) {
    check(chunked, "0\r\n\r\nGET", "<> + GET");
    check(chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET", "<abcde> + GET");
    check(chunked, "3\r\nabc\r\n0\r\nA: b\r\nC:d\r\n\r\nGET", "<abc> | A=b | C=d + GET");
    check(chunked, "3\r\nabc\r\n0\r\nA: b\r\n", "<abc> needs more");
    check(chunked, "3\r\nabc\r\n0\r\n\r", "<abc> needs more");
    check(chunked, "3\r\nabc", "<abc> needs more");
}

BOOST_AUTO_TEST_CASE(of_chunks_have_their_faults) {
    check(chunked, "3\r\nabcd\r\n", "<abc> bad 400 bad_chunk_end");
    check(chunked, "3\r\nabc\r\n0\r\nA b: c\r\n\r\n", "<abc> bad 400 bad_field_name");
    check(chunked, "0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", "<> bad 431 too_many_trailers");
    check(chunked, "0\r\nA: " + std::string(50, 'x') + "\r\n\r\n", "<> bad 431 trailer_too_large");
}

BOOST_AUTO_TEST_CASE(count_what_went_past) {
    body_reader reader;
    reader.begin(length(10000));
    BOOST_TEST(reader.long_yet());
    reader.moved(9000);
    BOOST_TEST(reader.left() == 1000u);
    BOOST_TEST(!reader.long_yet());
    reader.moved(1000);
    BOOST_TEST(reader.over());
    reader.begin(chunked);
    BOOST_TEST((reader.long_yet() && reader.left() == 0 && !reader.ends_with_connection()));
    reader.begin({body_kind::until_close, 0, false});
    BOOST_TEST((reader.long_yet() && reader.ends_with_connection()));
}

BOOST_AUTO_TEST_SUITE_END()

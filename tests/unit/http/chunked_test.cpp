// The chunked coding: what is decoded, what is refused, at every split (S01, S02).

#include <boost/test/unit_test.hpp>

#include "guarded.hpp"
#include "kernel/http/chunked.hpp"

#include <string>

using namespace pkernel::http;
using namespace std::string_literals;

namespace {

using event = chunked_decoder::event;

struct row {
    std::string text;
    std::string expected;
};

const row rows[] = {
    {"0\r\n\r\n", "<> + 2"},
    {"3\r\nabc\r\n0\r\n\r\n", "<abc> + 2"},
    {"3\r\nabc\r\n3\r\ndef\r\n000\r\nX: y\r\n\r\n", "<abcdef> + 8"},
    {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "<01234567890123456789> + 2"},
    {"0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n", "<abc> + 2"},
    {"5\r\n\r\n0\r\n\r\n0\r\n\r\n", "<\r\n0\r\n> + 2"},
    {"3;a=b\r\nabc\r\n0;c\r\n\r\n", "<abc> + 2"},
    {"3;a=\"x;y \\\"z\\\\\";b\r\nabc\r\n0\r\n\r\n", "<abc> + 2"},
    {"3;a=\"\t\xe9\"\r\nabc\r\n0\r\n\r\n", "<abc> + 2"},
    {"3;a=\"b\" ;c;d= \"\"\r\nabc\r\n0\r\n\r\n", "<abc> + 2"},
    {"3; a = b ; c\r\nabc\r\n0\r\n\r\n", "<abc> + 2"},
    {"", "<> needs more"},
    {"3", "<> needs more"},
    {"3\r", "<> needs more"},
    {"3\r\n", "<> needs more"},
    {"3\r\nab", "<ab> needs more"},
    {"3\r\nabc", "<abc> needs more"},
    {"3\r\nabc\r", "<abc> needs more"},
    {"3\r\nabc\r\n", "<abc> needs more"},
    {"3\r\nabc\r\n0\r", "<abc> needs more"},
    {"7fffffffffffffff\r\nabc", "<abc> needs more"},
    {"3 \r\nabc\r\n", "<> bad_chunk_size"},
    {" 3\r\nabc\r\n", "<> bad_chunk_size"},
    {"0x3\r\nabc\r\n", "<> bad_chunk_size"},
    {"+3\r\nabc\r\n", "<> bad_chunk_size"},
    {"-3\r\nabc\r\n", "<> bad_chunk_size"},
    {"0_3\r\nabc\r\n", "<> bad_chunk_size"},
    {"\r\nabc\r\n", "<> bad_chunk_size"},
    {"\nabc\r\n", "<> bad_chunk_size"},
    {";a=b\r\nabc\r\n", "<> bad_chunk_size"},
    {"3g\r\nabc\r\n", "<> bad_chunk_size"},
    {"3 ;a\r\nabc\r\n", "<> bad_chunk_size"},
    {"3\0\r\nabc\r\n"s, "<> bad_chunk_size"},
    {"10000000000000005\r\nabcde\r\n", "<> bad_chunk_size"},
    {"00000000000000003\r\nabc\r\n", "<> bad_chunk_size"},
    {"8000000000000000\r\nabc\r\n", "<> chunk_too_large"},
    {"ffffffffffffffff\r\nabc\r\n", "<> chunk_too_large"},
    {"3\nabc\r\n", "<> bare_lf"},
    {"3\rabc\r\n", "<> bare_cr"},
    {"3\r\r\nabc\r\n", "<> bare_cr"},
    {"3;a\nb\r\nabc\r\n", "<> bare_lf"},
    {"3;a\rb\r\nabc\r\n", "<> bare_cr"},
    {"3;a=\"b\"\rb\r\nabc\r\n", "<> bare_cr"},
    {"3;\rb\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=\"\n0\"\r\nabc\r\n", "<> bare_lf"},
    {"3;a=\"x\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=\"\\\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a\0\r\nabc\r\n"s, "<> bad_chunk_extension"},
    {"3;a=\"\x01\"\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=\xe9\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;;a\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;=b\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=;b\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a \r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a b\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=b \r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=b c\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=b=c\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=\"b\"c\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a\"b\"\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a=b\"c\"\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;\"a\"\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3;a={}\r\nabc\r\n", "<> bad_chunk_extension"},
    {"3\r\nabcd\r\n0\r\n\r\n", "<abc> bad_chunk_end"},
    {"3\r\nab\r\n0\r\n\r\n", "<ab\r> bad_chunk_end"},
    {"3\r\nabc\n0\r\n\r\n", "<abc> bad_chunk_end"},
    {"3\r\nabc\r0\r\n\r\n", "<abc> bad_chunk_end"},
    {"3\r\nabc0\r\n\r\n", "<abc> bad_chunk_end"},
    {"3\r\nabc\r\nx\r\n", "<abc> bad_chunk_size"},
    {"3\r\nabc\r\n0\n\r\n", "<abc> bare_lf"},
};

// Feeds the text in pieces of `piece` bytes, the first one of `first`.
std::string play(std::string_view text, std::size_t first, std::size_t piece) {
    static test::guarded memory;
    chunked_decoder decoder;
    pkernel::http::parse_fault fault;
    std::string body;
    std::size_t used = 0;
    for (std::size_t size = first; !text.empty() || size > 0; size = piece) {
        auto bytes = memory.hold(text.substr(used, size));
        if (bytes.empty() && used == text.size()) break;
        for (;;) {
            const auto step = decoder.next(bytes, fault);
            body += step.data;
            used += step.consumed;
            bytes.remove_prefix(step.consumed);
            if (step.what == event::bad) return "<" + body + "> " + fault.cause;
            if (step.what == event::trailers)
                return "<" + body + "> + " + std::to_string(text.size() - used);
            if (step.what == event::need_more) {
                BOOST_TEST(bytes.empty());
                break;
            }
        }
    }
    return "<" + body + "> needs more";
}

std::string whole(const std::string& text) {
    return play(text, text.size(), 1);
}
std::string in_blocks(const std::string& text) {
    return play(text, 8000, 8000);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chunked)

BOOST_AUTO_TEST_CASE(is_decoded_or_refused_at_every_split) {
    for (const row& r : rows) {
        BOOST_TEST(whole(r.text) == r.expected, r.text);
        BOOST_TEST(play(r.text, 1, 1) == r.expected, r.text);
        for (std::size_t first = 1; first < r.text.size(); ++first)
            BOOST_TEST(play(r.text, first, r.text.size()) == r.expected, r.text);
    }
}

BOOST_AUTO_TEST_CASE(extensions_have_a_limit_for_a_chunk) {
    const std::string name(256, 'x');
    BOOST_TEST(whole("3;" + name + "\r\nabc\r\n0\r\n\r\n") == "<abc> + 2");
    BOOST_TEST(whole("3;" + name + "x\r\nabc\r\n") == "<> chunk_extension_too_long");
}

BOOST_AUTO_TEST_CASE(extensions_have_a_limit_for_a_body) {
    const std::string chunk =
        "100;" + std::string(256, 'x') + "\r\n" + std::string(256, 'd') + "\r\n";
    std::string text;
    for (int i = 0; i < 64; ++i) text += chunk;
    BOOST_TEST(in_blocks(text + "0\r\n\r\n").ends_with("> + 2"));
    BOOST_TEST(in_blocks(text + "0;x\r\n\r\n").ends_with("> chunk_extension_too_long"));
}

BOOST_AUTO_TEST_CASE(framing_over_the_data_has_a_limit) {
    // A chunk of one byte has 5 bytes of framing: 4 over the data.
    const std::string chunk = "1\r\na\r\n";
    std::string text;
    for (int i = 0; i < 64 * 1024 / 4; ++i) text += chunk;
    BOOST_TEST(in_blocks(text).ends_with("needs more"));
    BOOST_TEST(in_blocks(text + "1").ends_with("chunk_overhead"));
    std::string honest;
    for (int i = 0; i < 100000; ++i) honest += "8\r\n12345678\r\n";
    BOOST_TEST(in_blocks(honest + "0\r\n\r\n").ends_with("> + 2"));
}

BOOST_AUTO_TEST_CASE(a_chunk_head_is_written_in_hex) {
    const auto written = [](std::uint64_t n) {
        char out[18];
        return std::string(out, write_chunk_head(n, out));
    };
    BOOST_TEST(written(0) == "0\r\n");
    BOOST_TEST(written(15) == "f\r\n");
    BOOST_TEST(written(16) == "10\r\n");
    BOOST_TEST(written(65536) == "10000\r\n");
    BOOST_TEST(written(0xabc) == "abc\r\n");
    BOOST_TEST(written(~0ull) == "ffffffffffffffff\r\n");
}

BOOST_AUTO_TEST_SUITE_END()

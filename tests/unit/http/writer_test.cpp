// Written heads, status lines, dates.

#include <boost/test/unit_test.hpp>

#include <ctime>
#include <string>

#include "kernel/http/writer.hpp"

using namespace pkernel;
using namespace pkernel::http;

namespace {

struct rig {
    base::block_pool pool;
    base::arena arena{pool};
    fields all{arena};
};

std::string date_of(std::int64_t t) {
    char out[29];
    format_http_date(t, out);
    return std::string(out, sizeof(out));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(writer, rig)

BOOST_AUTO_TEST_CASE(a_head_is_written_line_by_line) {
    all.append("Host", "a");
    all.append("x-EMPTY", "");
    char out[200];
    head_writer writer(out, sizeof(out));
    writer.text(status_line(200));
    writer.fields_of(all);
    writer.field("Age", "0");
    writer.finish();
    BOOST_TEST(!writer.overflowed());
    BOOST_TEST(std::string(out, writer.size()) ==
               "HTTP/1.1 200 OK\r\nHost: a\r\nx-EMPTY: \r\nAge: 0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(runs_of_every_length_are_copied_whole) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += static_cast<char>('0' + i % 75);
    for (std::size_t size = 0; size <= text.size(); ++size) {
        std::string out(size + 8, '!');
        head_writer writer(out.data(), size + 4);
        writer.field({text.data(), size}, {});
        BOOST_TEST(out == text.substr(0, size) + ": \r\n!!!!");
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_remembered_and_not_written) {
    char out[16] = {};
    for (std::size_t capacity = 0; capacity < 8; ++capacity) {
        head_writer writer(out, capacity);
        writer.field("ab", "cd");
        BOOST_TEST(writer.overflowed());
        BOOST_TEST(writer.size() == 0u);
    }
    head_writer writer(out, 8);
    writer.field("ab", "cd");
    BOOST_TEST(!writer.overflowed());
    writer.finish();
    BOOST_TEST(writer.overflowed());
    BOOST_TEST(std::string(out, writer.size()) == "ab: cd\r\n");
}

BOOST_AUTO_TEST_CASE(the_bound_is_enough_and_exact) {
    all.append("Host", "a");
    all.append("Accept", "*/*");
    char out[64];
    head_writer writer(out, head_size_bound(all, 5));
    writer.text("12345");
    writer.fields_of(all);
    writer.finish();
    BOOST_TEST(!writer.overflowed());
    BOOST_TEST(writer.size() == head_size_bound(all, 5));
}

BOOST_AUTO_TEST_CASE(status_lines_have_the_standard_phrase_or_none) {
    BOOST_TEST(status_line(200) == "HTTP/1.1 200 OK\r\n");
    BOOST_TEST(status_line(431) == "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    BOOST_TEST(status_line(599) == "HTTP/1.1 599 \r\n");
    BOOST_TEST(status_line(100) == "HTTP/1.1 100 Continue\r\n");
    BOOST_TEST(status_line(999) == "HTTP/1.1 999 \r\n");
    for (const std::uint32_t n : {0u, 99u, 1000u, 4294967295u})
        BOOST_TEST(status_line(n) == "HTTP/1.1 500 Internal Server Error\r\n");
    BOOST_TEST(reason_phrase(404) == "Not Found");
    BOOST_TEST(reason_phrase(599) == "");
    for (std::uint32_t n = 100; n < 1000; ++n)
        BOOST_TEST(status_line(n) ==
                   "HTTP/1.1 " + std::to_string(n) + " " + std::string(reason_phrase(n)) + "\r\n");
}

BOOST_AUTO_TEST_CASE(dates_are_those_of_the_c_library) {
    BOOST_TEST(date_of(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    BOOST_TEST(date_of(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
    BOOST_TEST(date_of(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
    BOOST_TEST(date_of(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
    for (std::int64_t t = -3000000000; t < 200000000000; t += 86400 * 17 + 12345) {
        const std::time_t time = t;
        std::tm parts{};
        char expected[30];
        gmtime_r(&time, &parts);
        std::strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        if (date_of(t) != expected) BOOST_ERROR(date_of(t) << " is not " << expected);
    }
}

BOOST_AUTO_TEST_SUITE_END()

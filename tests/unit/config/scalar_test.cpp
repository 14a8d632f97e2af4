// The strict parsers of single values: what they take, and what they say to write instead.

#define BOOST_TEST_DYN_LINK
#include "kernel/config/scalar.hpp"

#include <boost/test/unit_test.hpp>

using namespace pkernel::config;

namespace {

struct good {
    const char* text;
    std::int64_t value;
};
struct bad {
    const char* text;
    const char* remedy;
};

constexpr std::int64_t second = 1'000'000'000;

template <class Parse>
void check(Parse parse, std::initializer_list<good> accepted, std::initializer_list<bad> refused) {
    for (const auto& [text, value] : accepted) {
        const number_text parsed = parse(text);
        BOOST_TEST(parsed.ok, text);
        BOOST_TEST(parsed.value == value, text << " became " << parsed.value);
    }
    for (const auto& [text, remedy] : refused) {
        const number_text parsed = parse(text);
        BOOST_TEST(!parsed.ok, text);
        BOOST_TEST(parsed.remedy == remedy, text << " was told " << parsed.remedy);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scalars)

BOOST_AUTO_TEST_CASE(integers) {
    check(parse_integer, {{"0", 0}, {"42", 42}, {"-1", -1}, {"9223372036854775807", INT64_MAX}},
          {{"", "a whole number"},
           {"+1", "a whole number"},
           {"01", "a whole number"},
           {"1.0", "a whole number"},
           {"0x10", "a whole number"},
           {"9223372036854775808", "a whole number"}});
}

BOOST_AUTO_TEST_CASE(sizes_need_a_unit) {
    check(parse_size,
          {{"0B", 0},
           {"512B", 512},
           {"64KiB", 65536},
           {"1MiB", 1 << 20},
           {"10MB", 10'000'000},
           {"2GiB", std::int64_t{2} << 30},
           {"8388607TiB", (std::int64_t{8388607}) << 40}},
          {{"512", "512B"},
           {"64k", "64KiB"},
           {"64kb", "64KB"},
           {"64 KiB", "64KiB"},
           {"1.5MiB", "something like 64KiB"},
           {"-1B", "something like 64KiB"},
           {"8388608TiB", "something like 64KiB"},
           {"", "something like 64KiB"}});
}

BOOST_AUTO_TEST_CASE(durations_need_units_the_longest_first) {
    constexpr auto general = "something like 10s, 250ms or 1h30m";
    check(parse_duration,
          {{"0s", 0},
           {"250ms", second / 4},
           {"10s", 10 * second},
           {"1h30m", 5400 * second},
           {"30d", 30 * 86400 * second},
           {"1m1s1ms1us1ns", 61 * second + 1'001'001}},
          {{"10", "10s"},
           {"10seconds", "10s"},
           {"5 min", "5m"},
           {"2hours", "2h"},
           {"30m1h", general},
           {"1s1s", general},
           {"1.5s", general},
           {"s", general},
           {"", general},
           {"10s ", general},
           {"106752d", general}});
}

BOOST_AUTO_TEST_CASE(rates) {
    BOOST_TEST(parse_rate("100/s").count == 100);
    BOOST_TEST(parse_rate("100/s").period == second);
    BOOST_TEST(parse_rate("5/10s").period == 10 * second);
    BOOST_TEST(parse_rate("10/m").ok);
    BOOST_TEST(parse_rate("1/second").remedy == "1/s");
    for (const auto text : {"", "100", "/s", "100/", "100/0s", "-1/s", "1/s/s"}) {
        BOOST_TEST(!parse_rate(text).ok, text);
    }
}

BOOST_AUTO_TEST_CASE(addresses) {
    BOOST_TEST(parse_address("127.0.0.1:80").canonical == "127.0.0.1:80");
    BOOST_TEST(parse_address("127.0.0.1:80").value.port == 80u);
    BOOST_TEST(parse_address("[0:0::1]:443").canonical == "[::1]:443");
    BOOST_TEST(parse_address("unix:/run/x").value.family == 1u);
    BOOST_TEST(parse_address("127.0.0.1").remedy == "127.0.0.1:80");
    BOOST_TEST(parse_address("::1").remedy == "[::1]:80");
    BOOST_TEST(parse_address("fe80::1:80").remedy == "[fe80::1]:80");
    for (const auto text : {"", ":80", "127.0.0.1:", "127.0.0.1:080", "127.0.0.1:65536", "[::1]",
                            "[127.0.0.1]:80", "host:80", "unix:x", "[::1]:80 ", "127.1:80"}) {
        BOOST_TEST(!parse_address(text).ok, text);
    }
}

BOOST_AUTO_TEST_CASE(networks_have_no_bits_behind_the_prefix) {
    BOOST_TEST(parse_cidr("10.0.0.0/8").canonical == "10.0.0.0/8");
    BOOST_TEST(parse_cidr("0.0.0.0/0").ok);
    BOOST_TEST(parse_cidr("::1").value.prefix == 128u);
    BOOST_TEST(parse_cidr("10.1.2.3/9").remedy == "10.0.0.0/9");
    BOOST_TEST(parse_cidr("2001:db8::1/33").remedy == "2001:db8::/33");
    BOOST_TEST(!parse_cidr("10.0.0.0/33").ok);
    BOOST_TEST(!parse_cidr("10.0.0.0/").ok);
    BOOST_TEST(!parse_cidr("x/8").ok);
}

BOOST_AUTO_TEST_CASE(texts_of_numbers_are_read_back) {
    for (const std::int64_t n : {0L, 1L, 1023L, 1024L, 65536L, 10'000'000L, 3L << 30}) {
        BOOST_TEST(parse_size(size_text(n)).value == n, size_text(n));
        BOOST_TEST(parse_duration(duration_text(n)).value == n, duration_text(n));
    }
    BOOST_TEST(duration_text(90 * second) == "90s");
}

BOOST_AUTO_TEST_SUITE_END()

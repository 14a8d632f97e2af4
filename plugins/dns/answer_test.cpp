// The reading of DNS answers, lies among them.

#include "answer.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace std::literals;
using dns::read_answer;
using dns::record_type;

namespace {

std::string u16(unsigned n) {
    return {static_cast<char>(n >> 8), static_cast<char>(n)};
}
std::string u32(std::uint32_t n) {
    return u16(n >> 16) + u16(n & 0xffff);
}
std::string name(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto label = text.substr(0, text.find('.'));
        out += static_cast<char>(label.size());
        out += label;
        text.remove_prefix(std::min(text.size(), label.size() + 1));
    }
    return out + '\0';
}
std::string record(const std::string& owner, unsigned type, std::uint32_t ttl,
                   const std::string& data, unsigned its_class = 1) {
    return owner + u16(type) + u16(its_class) + u32(ttl) + u16(static_cast<unsigned>(data.size())) +
           data;
}
const std::string v4 = "\x0a\0\0\x01"s, other_v4 = "\x0a\0\0\x02"s,
                  v6 = std::string(15, '\x20') + '1';

// An answer to "App.test" of type A.
std::string message(unsigned count, const std::string& records, unsigned flags = 0x8180,
                    unsigned type = 1) {
    return u16(7) + u16(flags) + u16(1) + u16(count) + u16(0) + u16(0) + name("App.test") +
           u16(type) + u16(1) + records;
}
dns::answer a(unsigned count, const std::string& records, unsigned flags = 0x8180) {
    return read_answer(message(count, records, flags), record_type::a);
}
std::string problem(const dns::answer& of) {
    return of.problem ? of.problem : "";
}

const std::string own = name("app.TEST"), pointer = "\xc0\x0c";

}  // namespace

BOOST_AUTO_TEST_SUITE(answers)

BOOST_AUTO_TEST_CASE(gives_the_addresses_of_the_name_and_the_least_ttl) {
    const auto got = a(2, record(own, 1, 30, v4) + record(pointer, 1, 20, other_v4));
    BOOST_TEST(!got.problem);
    BOOST_REQUIRE(got.addresses.size() == 2u);
    BOOST_TEST(got.addresses[1].bytes[3] == 2);
    BOOST_TEST(got.ttl == 20u);
    const auto six = read_answer(message(1, record(own, 28, 5, v6), 0x8180, 28), record_type::aaaa);
    BOOST_REQUIRE(six.addresses.size() == 1u);
    BOOST_TEST(six.addresses[0].family == 6u);
}

BOOST_AUTO_TEST_CASE(follows_cnames_in_any_order_and_no_further_than_it_may) {
    const auto got =
        a(3, record(name("c.test"), 1, 9, v4) + record(name("b.test"), 5, 3, name("C.test")) +
                 record(own, 5, 60, name("b.test")));
    BOOST_TEST(got.addresses.size() == 1u);
    BOOST_TEST(got.ttl == 3u);
    const auto loop = a(2, record(own, 5, 9, name("b.test")) + record(name("b.test"), 5, 9, own));
    BOOST_TEST(problem(loop) == "too many CNAMEs");
    std::string chain = record(own, 5, 9, name("0.test"));
    for (int i = 0; i < 7; ++i)
        chain +=
            record(name(std::to_string(i) + ".test"), 5, 9, name(std::to_string(i + 1) + ".test"));
    BOOST_TEST(a(9, chain + record(name("7.test"), 1, 9, v4)).addresses.size() == 1u);
    chain += record(name("7.test"), 5, 9, name("8.test"));
    BOOST_TEST(problem(a(9, chain)) == "too many CNAMEs");
}

BOOST_AUTO_TEST_CASE(ignores_what_is_said_of_others) {
    const auto got = a(4, record(name("evil.test"), 1, 9, v4) + record(own, 28, 9, v6) +
                              record(own, 1, 9, v4, 3) + record(own, 16, 9, "\3txt"));
    BOOST_TEST(!got.problem);
    BOOST_TEST(got.addresses.empty());
    // A label with a dot in it is another name.
    const std::string dotted =
        "\x08"
        "app.test"s +
        '\0';
    BOOST_TEST(a(1, record(dotted, 1, 9, v4)).addresses.empty());
}

BOOST_AUTO_TEST_CASE(takes_64_addresses_and_says_that_there_were_more) {
    std::string many;
    for (unsigned i = 0; i < 1000; ++i) many += record(pointer, 1, 9, "\x0a\0"s + u16(i));
    const auto got = a(1000, many);
    BOOST_TEST(got.addresses.size() == 64u);
    BOOST_TEST(got.more);
    BOOST_TEST(!a(64, many.substr(0, many.size() / 1000 * 64)).more);
}

BOOST_AUTO_TEST_CASE(a_ttl_beyond_its_range_is_none) {
    BOOST_TEST(a(1, record(own, 1, 0x80000000u, v4)).ttl == 0u);
    BOOST_TEST(a(1, record(own, 1, 0x7fffffffu, v4)).ttl == 0x7fffffffu);
}

BOOST_AUTO_TEST_CASE(pointers_lead_back_only) {
    const std::string at_itself = "\xc0\x1a"s;  // Offset 26: the record's own owner.
    BOOST_TEST(problem(a(1, record(at_itself, 1, 9, v4))) == "damaged answer");
    BOOST_TEST(problem(a(1, record("\xc0\xff"s, 1, 9, v4))) == "damaged answer");
    const std::string each_other = record("\xc0\x28"s, 1, 9, v4) + record("\xc0\x1a"s, 1, 9, v4);
    BOOST_TEST(problem(a(2, each_other)) == "damaged answer");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_damaged_at_each_length) {
    const auto whole =
        message(2, record(own, 5, 9, name("b.test")) + record(name("b.test"), 1, 9, v4));
    for (std::size_t size = 0; size < whole.size(); ++size)
        BOOST_TEST(problem(read_answer(whole.substr(0, size), record_type::a)) != "");
    BOOST_TEST(problem(read_answer(whole, record_type::a)) == "");
    BOOST_TEST(problem(a(1, record(own, 1, 9, v4 + "x"))) == "damaged answer");
    BOOST_TEST(problem(a(1, record(own, 5, 9, name("b.test") + "x"))) == "damaged answer");
    BOOST_TEST(problem(a(1, record(std::string(1, 'A') + own, 1, 9, v4))) == "damaged answer");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_whole_answer) {
    BOOST_TEST(problem(a(0, "", 0x0100)) == "damaged answer");
    BOOST_TEST(problem(a(0, "", 0x8380)) == "truncated answer");
    BOOST_TEST(problem(a(0, "", 0x8183)) == "error code in the answer");
    BOOST_TEST(problem(read_answer(message(0, "", 0x8180, 28), record_type::a)) ==
               "answer to another question");
}

BOOST_AUTO_TEST_CASE(knows_what_no_origin_has) {
    const auto ip = [](unsigned family, std::initializer_list<std::uint8_t> bytes) {
        pk_address out{};
        out.family = family;
        std::copy(bytes.begin(), bytes.end(), out.bytes);
        return out;
    };
    BOOST_TEST(dns::is_nowhere(ip(4, {0, 0, 0, 0})));
    BOOST_TEST(dns::is_nowhere(ip(4, {224, 0, 0, 1})));
    BOOST_TEST(dns::is_nowhere(ip(4, {255, 255, 255, 255})));
    BOOST_TEST(dns::is_nowhere(ip(6, {})));
    BOOST_TEST(dns::is_nowhere(ip(6, {0xff, 2})));
    BOOST_TEST(!dns::is_nowhere(ip(4, {10, 0, 0, 1})));
    BOOST_TEST(!dns::is_nowhere(ip(6, {0x20, 1})));
    BOOST_TEST(dns::is_local(ip(4, {127, 0, 0, 2})));
    BOOST_TEST(dns::is_local(ip(4, {169, 254, 169, 254})));
    BOOST_TEST(dns::is_local(ip(6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})));
    BOOST_TEST(dns::is_local(ip(6, {0xfe, 0x80, 1})));
    BOOST_TEST(!dns::is_local(ip(4, {192, 168, 0, 1})));
    BOOST_TEST(!dns::is_local(ip(6, {0xfd, 1})));
}

BOOST_AUTO_TEST_SUITE_END()

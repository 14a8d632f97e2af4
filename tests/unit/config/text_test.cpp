#define BOOST_TEST_DYN_LINK
#include "kernel/config/text.hpp"

#include <boost/test/unit_test.hpp>

using namespace pkernel::config;

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(edits_are_counted) {
    BOOST_TEST(edit_distance("", "") == 0u);
    BOOST_TEST(edit_distance("proxi", "proxy") == 1u);
    BOOST_TEST(edit_distance("prxoy", "proxy") == 1u);  // Neighbours swapped.
    BOOST_TEST(edit_distance("PROXY", "proxy") == 0u);
    BOOST_TEST(edit_distance("abc", "") == 3u);
    BOOST_TEST(edit_distance(std::string(1000, 'a'), std::string(1000, 'b')) == 64u);
}

BOOST_AUTO_TEST_CASE(suggests_only_what_is_near) {
    const std::string_view words[] = {"forward", "filters", "name"};
    BOOST_TEST(nearest("foward", words) == "forward");
    BOOST_TEST(nearest("nmae", words) == "name");
    BOOST_TEST(nearest("upstream", words) == "");
    BOOST_TEST(nearest("x", words) == "");
    BOOST_TEST(did_you_mean("") == "");
}

BOOST_AUTO_TEST_CASE(utf8) {
    BOOST_TEST(utf8_length("a") == 1u);
    BOOST_TEST(utf8_length("é") == 2u);
    BOOST_TEST(utf8_length("…") == 3u);
    BOOST_TEST(utf8_length("\xf0\x9f\x98\x80") == 4u);
    for (const auto bad : {"", "\x80", "\xc1\x81", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xff"}) {
        BOOST_TEST(utf8_length(bad) == 0u);
    }
    BOOST_TEST(characters("aé…") == 3u);
}

BOOST_AUTO_TEST_CASE(quotes_are_cut) {
    BOOST_TEST(in_quotes("a") == "'a'");
    BOOST_TEST(in_quotes(std::string(60, 'a')).size() == 62u);
    BOOST_TEST(in_quotes(std::string(61, 'a')) == "'" + std::string(60, 'a') + "…'");
}

BOOST_AUTO_TEST_SUITE_END()

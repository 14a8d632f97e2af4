#define BOOST_TEST_DYN_LINK
#include "kernel/base/log.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace pkernel::base;

namespace {

struct lines : log_sink {
    std::vector<std::string> seen;
    void write(log_level, std::string_view line) noexcept override { seen.emplace_back(line); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(log_)

BOOST_AUTO_TEST_CASE(a_repeated_line_comes_once_a_second_with_a_count) {
    constexpr std::int64_t second = 1'000'000'000;
    repeat_limit limit;
    BOOST_TEST((limit.admit(5) == 0u));
    BOOST_TEST(!limit.admit(6));
    BOOST_TEST(!limit.admit(4 + second));
    BOOST_TEST((limit.admit(5 + second) == 2u));
    BOOST_TEST((limit.admit(5 + 2 * second) == 0u));
}

BOOST_AUTO_TEST_CASE(lines_below_the_level_are_not_made) {
    lines to;
    set_log(&to, log_level::warning);
    log(log_level::info, "quiet");
    log(log_level::error, "loud");
    repeat_limit limit;
    log(log_level::warning, "again", limit);
    log(log_level::warning, "again", limit);
    set_log(nullptr, log_level::error);
    log(log_level::error, "nowhere");
    BOOST_TEST(to.seen == (std::vector<std::string>{"loud", "again"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

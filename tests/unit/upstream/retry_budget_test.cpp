// Requests sent once more, as a share of those that came in the last ten seconds.

#include <boost/test/unit_test.hpp>

#include "kernel/upstream/retry_budget.hpp"

using namespace std::chrono_literals;
using pkernel::upstream::retry_budget;

namespace {

std::uint32_t take_all(retry_budget& b, std::chrono::nanoseconds now) {
    std::uint32_t n = 0;
    while (n < 1'000'000 && b.take(now)) ++n;
    return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(upstream_retry_budget)

BOOST_AUTO_TEST_CASE(a_share_of_the_requests) {
    retry_budget b(20, 3);
    for (int i = 0; i < 1000; ++i) b.request(100s);
    BOOST_TEST(take_all(b, 100s) == 200u);
    BOOST_TEST(!b.take(101s));
    for (int i = 0; i < 10; ++i) b.request(101s);
    BOOST_TEST(take_all(b, 101s) == 2u);
}

BOOST_AUTO_TEST_CASE(and_never_less_than_so_many_a_second) {
    retry_budget b(20, 3);
    BOOST_TEST(take_all(b, 5s) == 30u);
    for (int i = 0; i < 150; ++i) b.request(5s);
    BOOST_TEST(take_all(b, 5s) == 0u);
    b.request(5s);
    for (int i = 0; i < 4; ++i) b.request(5s);
    BOOST_TEST(take_all(b, 5s) == 1u);
}

BOOST_AUTO_TEST_CASE(ten_seconds_later_all_is_forgotten) {
    retry_budget b(50, 1);
    for (int i = 0; i < 100; ++i) b.request(7s);
    BOOST_TEST(take_all(b, 7s) == 50u);
    BOOST_TEST(take_all(b, 16s + 999ms) == 0u);
    BOOST_TEST(take_all(b, 17s) == 10u);
    BOOST_TEST(take_all(b, 900s) == 10u);
}

BOOST_AUTO_TEST_CASE(each_second_goes_by_itself) {
    retry_budget b(100, 0);
    for (int s = 0; s < 10; ++s) b.request(std::chrono::seconds(50 + s));
    BOOST_TEST(take_all(b, 59s) == 10u);
    // The ten were taken in the last second; the requests leave one by one.
    for (int s = 60; s < 69; ++s) BOOST_TEST(take_all(b, std::chrono::seconds(s)) == 0u);
    b.request(69s);
    BOOST_TEST(take_all(b, 69s) == 1u);
}

BOOST_AUTO_TEST_CASE(none_at_all) {
    retry_budget b(0, 0);
    b.request(1s);
    BOOST_TEST(!b.take(1s));
}

BOOST_AUTO_TEST_SUITE_END()

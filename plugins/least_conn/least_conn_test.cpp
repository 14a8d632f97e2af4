// Who is least busy: for its weight, over all workers, and turns among equals.

#include <boost/test/unit_test.hpp>
#include <deque>
#include <pkernel/testing.hpp>

using pk::testing::balancer_under_test;
using pk::testing::endpoint_spec;

namespace {

std::vector<endpoint_spec> weighted(const std::vector<std::uint32_t>& weights) {
    std::vector<endpoint_spec> all;
    for (std::size_t i = 0; i < weights.size(); ++i)
        all.push_back({"127.0.0.1:" + std::to_string(3000 + i), weights[i]});
    return all;
}

// Each endpoint's share of `picks` is within 1 % of what its weight says, plus one pick.
void check_shares(const std::vector<std::uint32_t>& counts,
                  const std::vector<std::uint32_t>& weights) {
    double weight_sum = 0, picks = 0;
    for (std::uint32_t w : weights) weight_sum += w;
    for (std::uint32_t c : counts) picks += c;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double due = picks * weights[i] / weight_sum;
        BOOST_TEST(counts[i] <= due * 1.01 + 1);
        BOOST_TEST(counts[i] >= due * 0.99 - 1);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(least_conn)

BOOST_AUTO_TEST_CASE(asks_for_the_count_of_requests) {
    balancer_under_test balancer(weighted({1, 1}));
    BOOST_TEST(balancer.needs() == PK_BALANCER_IN_FLIGHT);
}

BOOST_AUTO_TEST_CASE(the_least_busy_gets_the_request) {
    balancer_under_test balancer(weighted({1, 1, 1}));
    balancer.shared(0).in_flight = 2;
    balancer.shared(1).in_flight = 1;
    balancer.shared(2).in_flight = 3;
    for (int i = 0; i < 10; ++i) BOOST_TEST(balancer.pick() == 1u);
}

BOOST_AUTO_TEST_CASE(busy_is_meant_for_its_weight) {
    balancer_under_test balancer(weighted({1, 10}));
    balancer.shared(0).in_flight = 2;
    balancer.shared(1).in_flight = 19;
    for (int i = 0; i < 10; ++i) BOOST_TEST(balancer.pick() == 1u);
    balancer.shared(1).in_flight = 21;
    for (int i = 0; i < 10; ++i) BOOST_TEST(balancer.pick() == 0u);
}

BOOST_AUTO_TEST_CASE(counts_of_all_workers_are_one) {
    balancer_under_test balancer(weighted({1, 1}), "", {.workers = 4});
    for (std::uint32_t n = 0; n < 1000; ++n) ++balancer.shared(balancer.pick(n % 4)).in_flight;
    BOOST_TEST(balancer.shared(0).in_flight == 500u);
    BOOST_TEST(balancer.shared(1).in_flight == 500u);
}

BOOST_AUTO_TEST_CASE(idle_ones_take_turns_by_weight) {
    const std::vector<std::uint32_t> table[] = {{1, 1},       {5, 1, 1},       {3, 2},   {1, 100},
                                                {7, 7, 7, 7}, {1, 2, 3, 4, 5}, {1000, 1}};
    for (const auto& weights : table) {
        balancer_under_test balancer(weighted(weights));
        check_shares(balancer.counts(100'000), weights);
    }
}

// Requests that last: at any time each endpoint has its share of what is in flight.
BOOST_AUTO_TEST_CASE(what_is_in_flight_follows_the_weights) {
    const std::vector<std::uint32_t> weights{1, 2, 3, 4};
    balancer_under_test balancer(weighted(weights));
    std::minstd_rand random(7);
    std::deque<std::uint32_t> running;
    std::vector<std::uint32_t> counts(4);
    for (std::uint32_t n = 0; n < 100'000; ++n) {
        const auto index = balancer.pick();
        ++balancer.shared(index).in_flight;
        ++counts[index];
        running.push_back(index);
        if (running.size() < 1000) continue;
        const auto at = static_cast<std::ptrdiff_t>(random() % running.size());
        --balancer.shared(running[static_cast<std::size_t>(at)]).in_flight;
        running.erase(running.begin() + at);
        for (std::uint32_t i = 0; i < 4; ++i) {
            BOOST_REQUIRE(balancer.shared(i).in_flight + 2 >= 100 * weights[i]);
            BOOST_REQUIRE(balancer.shared(i).in_flight <= 100 * weights[i] + 2);
        }
    }
    check_shares(counts, weights);
}

BOOST_AUTO_TEST_CASE(a_subset_shares_among_itself) {
    balancer_under_test balancer(weighted({1, 2, 3, 4}));
    const auto counts = balancer.counts(10'000, 0, {1, 3});
    BOOST_TEST(counts[0] + counts[2] == 0u);
    check_shares({counts[1], counts[3]}, {2, 4});
    check_shares(balancer.counts(10'000), {1, 2, 3, 4});
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_is_not_flooded) {
    balancer_under_test balancer(weighted({1, 1, 1}));
    balancer.counts(9'000, 0, {0, 1});
    const auto counts = balancer.counts(30);
    BOOST_TEST(counts[2] >= 10u);
    BOOST_TEST(counts[2] <= 11u);
}

BOOST_AUTO_TEST_CASE(a_new_snapshot_starts_afresh) {
    balancer_under_test balancer(weighted({1, 1}));
    balancer.counts(1001);
    balancer.publish(weighted({1, 9, 90}));
    check_shares(balancer.counts(100'000), {1, 9, 90});
}

BOOST_AUTO_TEST_CASE(allocates_nothing) {
    balancer_under_test balancer(weighted({3, 2, 1}));
    pk::testing::plugin_under_test::allocations();
    balancer.counts(1000);
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
    BOOST_TEST(balancer.violations().empty());
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

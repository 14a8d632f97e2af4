// Two at random: as likely as their weights, the less busy of the two.

#include <boost/test/unit_test.hpp>
#include <cmath>
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

// Within 1 % of all picks, and within five deviations of what chance does by itself.
void check_shares(const std::vector<std::uint32_t>& counts,
                  const std::vector<std::uint32_t>& weights) {
    double sum = 0, picks = 0;
    for (std::uint32_t w : weights) sum += w;
    for (std::uint32_t c : counts) picks += c;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double share = weights[i] / sum;
        const double off = std::abs(counts[i] - picks * share);
        BOOST_TEST(off <= picks * 0.01);
        BOOST_TEST(off <= 5 * std::sqrt(picks * share * (1 - share)) + 1);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(random_two)

BOOST_AUTO_TEST_CASE(idle_ones_are_picked_by_weight) {
    const std::vector<std::uint32_t> table[] = {{1, 1},       {5, 1, 1},       {3, 2},   {1, 100},
                                                {7, 7, 7, 7}, {1, 2, 3, 4, 5}, {1000, 1}};
    for (const auto& weights : table) {
        balancer_under_test balancer(weighted(weights));
        check_shares(balancer.counts(100'000), weights);
    }
}

BOOST_AUTO_TEST_CASE(by_random_weights) {
    std::minstd_rand random(7);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::uint32_t> weights(2 + random() % 40);
        for (auto& w : weights) w = 1 + static_cast<std::uint32_t>(random() % 1000);
        balancer_under_test balancer(weighted(weights));
        check_shares(balancer.counts(50'000), weights);
    }
}

BOOST_AUTO_TEST_CASE(of_two_the_less_busy_is_picked) {
    balancer_under_test balancer(weighted({1, 1}));
    BOOST_TEST(balancer.needs() == PK_BALANCER_IN_FLIGHT);
    balancer.shared(0).in_flight = 5;
    const auto counts = balancer.counts(10'000);
    // Only when both draws are the busy one, four times over.
    BOOST_TEST(counts[0] < 10'000 / 16);
    balancer.publish(weighted({1, 10}));
    balancer.shared(0).in_flight = 2;
    balancer.shared(1).in_flight = 19;
    BOOST_TEST(balancer.counts(10'000)[1] > 9'900u);
}

// The busiest of n with n requests: about ln ln n with two choices, far more with one.
BOOST_AUTO_TEST_CASE(load_stays_even) {
    balancer_under_test balancer(weighted(std::vector<std::uint32_t>(1000, 1)));
    for (int i = 0; i < 10'000; ++i) ++balancer.shared(balancer.pick()).in_flight;
    std::uint32_t busiest = 0;
    for (std::uint32_t i = 0; i < 1000; ++i)
        busiest = std::max(busiest, balancer.shared(i).in_flight);
    BOOST_TEST(busiest <= 14u);  // One choice has about 22.
}

BOOST_AUTO_TEST_CASE(a_subset_shares_among_itself) {
    balancer_under_test balancer(weighted({1, 2, 3, 4}));
    const auto counts = balancer.counts(100'000, 0, {1, 3});
    BOOST_TEST(counts[0] + counts[2] == 0u);
    check_shares({counts[1], counts[3]}, {2, 4});
    BOOST_TEST(balancer.counts(10, 0, {2})[2] == 10u);
}

BOOST_AUTO_TEST_CASE(a_new_snapshot_starts_afresh) {
    balancer_under_test balancer(weighted({1, 1}));
    balancer.counts(1001);
    balancer.publish(weighted({1, 9, 90}));
    check_shares(balancer.counts(100'000), {1, 9, 90});
    BOOST_TEST(balancer.violations().empty());
}

BOOST_AUTO_TEST_CASE(allocates_nothing) {
    balancer_under_test balancer(weighted({3, 2, 1}));
    pk::testing::plugin_under_test::allocations();
    balancer.counts(1000);
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

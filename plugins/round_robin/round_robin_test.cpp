// Whose turn it is: shares by weight, no bursts, subsets, workers apart.

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <pkernel/testing.hpp>

using pk::testing::balancer_under_test;
using pk::testing::endpoint_spec;

namespace {

std::vector<endpoint_spec> weighted(const std::vector<std::uint32_t>& weights) {
    std::vector<endpoint_spec> all;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        all.push_back({"127.0.0.1:" + std::to_string(3000 + i), weights[i]});
    }
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

BOOST_AUTO_TEST_SUITE(round_robin)

BOOST_AUTO_TEST_CASE(shares_follow_the_weights) {
    const std::vector<std::uint32_t> table[] = {
        {1},          {1, 1},          {5, 1, 1}, {3, 2},         {1, 100},
        {7, 7, 7, 7}, {1, 2, 3, 4, 5}, {1000, 1}, {65535, 1, 300}};
    for (const auto& weights : table) {
        balancer_under_test balancer(weighted(weights));
        check_shares(balancer.counts(100'000), weights);
    }
}

BOOST_AUTO_TEST_CASE(shares_follow_random_weights) {
    std::minstd_rand random(7);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::uint32_t> weights(1 + random() % 20);
        for (auto& w : weights) w = 1 + static_cast<std::uint32_t>(random() % 50);
        balancer_under_test balancer(weighted(weights));
        check_shares(balancer.counts(50'000), weights);
    }
}

// nginx calls it smooth: 5, 1, 1 is a a b a c a a, not a a a a a b c.
BOOST_AUTO_TEST_CASE(every_window_of_one_round_is_within_one_of_the_shares) {
    const std::vector<std::uint32_t> weights{5, 1, 1};
    balancer_under_test balancer(weighted(weights));
    std::vector<std::uint32_t> picks;
    for (int i = 0; i < 7000; ++i) picks.push_back(balancer.pick());
    for (std::size_t start = 0; start + 7 <= picks.size(); ++start) {
        std::vector<std::uint32_t> seen(3);
        for (std::size_t i = start; i < start + 7; ++i) ++seen[picks[i]];
        for (std::size_t i = 0; i < 3; ++i) {
            BOOST_REQUIRE(seen[i] + 1 >= weights[i]);
            BOOST_REQUIRE(seen[i] <= weights[i] + 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(equal_weights_are_a_plain_rotation) {
    balancer_under_test balancer(weighted({1, 1, 1, 1}));
    std::vector<std::uint32_t> first, again;
    for (int i = 0; i < 4; ++i) first.push_back(balancer.pick());
    for (int i = 0; i < 4; ++i) again.push_back(balancer.pick());
    BOOST_TEST(first == again);
    std::sort(first.begin(), first.end());
    BOOST_TEST(first == (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(workers_start_at_different_places) {
    balancer_under_test balancer(weighted(std::vector<std::uint32_t>(100, 1)), "", {.workers = 64});
    std::set<std::uint32_t> firsts;
    for (std::uint32_t worker = 0; worker < 64; ++worker) firsts.insert(balancer.pick(worker));
    BOOST_TEST(firsts.size() > 20u);
}

BOOST_AUTO_TEST_CASE(a_subset_shares_among_itself) {
    balancer_under_test balancer(weighted({1, 2, 3, 4}));
    const auto counts = balancer.counts(10'000, 0, {1, 3});
    BOOST_TEST(counts[0] == 0u);
    BOOST_TEST(counts[2] == 0u);
    check_shares({counts[1], counts[3]}, {2, 4});
    check_shares(balancer.counts(10'000), {1, 2, 3, 4});
    BOOST_TEST(balancer.counts(100, 0, {2})[2] == 100u);
    check_shares(balancer.counts(10'000, 0, {3, 0}), {1, 0, 0, 4});
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_is_not_flooded) {
    balancer_under_test balancer(weighted({1, 1, 1}));
    balancer.counts(9'000);
    balancer.counts(10'000, 0, {0, 1});  // Endpoint 2 is down for a while.
    const auto counts = balancer.counts(30);
    BOOST_TEST(counts[2] >= 10u);
    BOOST_TEST(counts[2] <= 11u);
}

BOOST_AUTO_TEST_CASE(subsets_in_between_keep_the_shares) {
    balancer_under_test balancer(weighted({1, 1, 1, 1}));
    std::vector<std::uint32_t> sum(4);
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        const std::uint32_t first = balancer.pick();
        std::vector<std::uint32_t> others;
        for (std::uint32_t k = 0; k < 4; ++k) {
            if (k != first) others.push_back(k);
        }
        ++sum[balancer.pick(0, others)];  // A retry elsewhere.
        ++sum[first];
    }
    check_shares(sum, {1, 1, 1, 1});
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
}

BOOST_AUTO_TEST_CASE(a_thousand_endpoints_cost_a_few_steps) {
    std::vector<std::uint32_t> weights(1000);
    for (std::size_t i = 0; i < weights.size(); ++i)
        weights[i] = 1 + static_cast<std::uint32_t>(i % 7);
    balancer_under_test balancer(weighted(weights));
    constexpr int rounds = 200'000;
    std::uint64_t sum = 0;
    for (int i = 0; i < rounds / 10; ++i) sum += balancer.bare_pick();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) sum += balancer.bare_pick();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    BOOST_TEST_MESSAGE("ns per pick: " << took.count() / rounds);
    BOOST_TEST(sum > 0u);
    BOOST_TEST(took.count() / rounds < 5000);  // A guard against O(n); the bench holds 200 ns.
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

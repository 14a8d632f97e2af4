// Keys and their endpoints: spread by weight, moving only with their own, bounded loads.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <pkernel/testing.hpp>

using pk::testing::balancer_under_test;
using pk::testing::endpoint_spec;

namespace {

constexpr std::uint32_t keys = 100'000;

std::vector<endpoint_spec> weighted(const std::vector<std::uint32_t>& weights) {
    std::vector<endpoint_spec> all;
    for (std::size_t i = 0; i < weights.size(); ++i)
        all.push_back({"127.0.0.1:" + std::to_string(3000 + i), weights[i]});
    return all;
}

// The address of the endpoint that each key has.
std::vector<std::string> homes(balancer_under_test& balancer,
                               const std::vector<endpoint_spec>& endpoints) {
    balancer.publish(endpoints);
    std::vector<std::string> all;
    for (std::uint32_t n = 0; n < keys; ++n) {
        balancer.variable("field.x-key", "user-" + std::to_string(n));
        all.push_back(endpoints.at(balancer.pick()).address);
    }
    return all;
}

const pk::testing::setup with_key{.workers = 2, .variables = {{"field.x-key", "a"}}};

}  // namespace

BOOST_AUTO_TEST_SUITE(consistent_hash)

BOOST_AUTO_TEST_CASE(a_key_has_one_endpoint_on_every_worker) {
    balancer_under_test balancer(weighted({1, 1, 1}), "key: field.x-key", with_key);
    for (int n = 0; n < 200; ++n) {
        balancer.variable("field.x-key", std::to_string(n));
        const auto first = balancer.pick(0);
        BOOST_TEST(balancer.pick(0) == first);
        BOOST_TEST(balancer.pick(1) == first);
    }
}

BOOST_AUTO_TEST_CASE(keys_are_spread_by_weight) {
    for (const auto& weights :
         {std::vector<std::uint32_t>{1, 1}, {5, 1, 1}, {3, 2}, {1, 100}, {1, 2, 3, 4, 5}}) {
        balancer_under_test balancer(weighted(weights), "field.x-key", with_key);
        const auto endpoints = weighted(weights);
        const auto all = homes(balancer, endpoints);
        double sum = 0;
        for (std::uint32_t w : weights) sum += w;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const auto mine = std::count(all.begin(), all.end(), endpoints[i].address);
            BOOST_TEST(std::abs(static_cast<double>(mine) / keys - weights[i] / sum) <= 0.01);
        }
    }
}

// When one of n goes exactly its own keys move: 1/n of them. When one comes it takes 1/(n+1), and
// nothing moves between the others.
BOOST_AUTO_TEST_CASE(only_the_keys_of_one_that_comes_or_goes_move) {
    for (const std::size_t n : {2u, 3u, 10u, 50u}) {
        const auto whole = weighted(std::vector<std::uint32_t>(n, 1));
        balancer_under_test balancer(whole, "field.x-key", with_key);
        const auto before = homes(balancer, whole);
        auto without = whole;
        const auto gone = without[n / 2].address;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(n / 2));
        const auto after = homes(balancer, without);
        std::uint32_t moved = 0;
        for (std::uint32_t k = 0; k < keys; ++k) {
            if (before[k] != gone) BOOST_REQUIRE(after[k] == before[k]);
            moved += before[k] != after[k];
        }
        const double due = 1.0 / static_cast<double>(n);
        BOOST_TEST(moved <= keys * due * 1.25);  // Its share, as chance has made it.
        BOOST_TEST(moved >= keys * due * 0.75);
        BOOST_TEST((homes(balancer, whole) == before));  // It comes back to what it had.
    }
}

BOOST_AUTO_TEST_CASE(the_order_of_the_config_does_not_matter) {
    auto endpoints = weighted({1, 2, 3, 4});
    balancer_under_test balancer(endpoints, "field.x-key", with_key);
    const auto before = homes(balancer, endpoints);
    std::reverse(endpoints.begin(), endpoints.end());
    BOOST_TEST((homes(balancer, endpoints) == before));
}

BOOST_AUTO_TEST_CASE(a_larger_weight_only_takes) {
    auto endpoints = weighted({1, 1, 1});
    balancer_under_test balancer(endpoints, "field.x-key", with_key);
    const auto before = homes(balancer, endpoints);
    endpoints[1].weight = 2;
    const auto after = homes(balancer, endpoints);
    for (std::uint32_t k = 0; k < keys; ++k)
        BOOST_REQUIRE((after[k] == before[k] || after[k] == endpoints[1].address));
}

BOOST_AUTO_TEST_CASE(without_a_key_it_is_anywhere) {
    balancer_under_test balancer(weighted({1, 1, 1}), "query.id");
    const auto counts = balancer.counts(3000);
    for (const auto c : counts) BOOST_TEST(c > 800u);
}

BOOST_AUTO_TEST_CASE(while_one_is_out_only_its_keys_are_elsewhere) {
    balancer_under_test balancer(weighted({1, 2, 3, 4}), "field.x-key", with_key);
    for (int n = 0; n < 2000; ++n) {
        balancer.variable("field.x-key", std::to_string(n));
        const auto before = balancer.pick();
        const auto meanwhile = balancer.pick(0, {0, 1, 2});
        BOOST_TEST((before == 3 ? meanwhile != 3 : meanwhile == before));
    }
    BOOST_TEST(balancer.violations().empty());
}

// One hot key: its endpoint gets no more than the bound lets, the rest goes on to others.
BOOST_AUTO_TEST_CASE(a_bound_spreads_what_is_too_much_for_one) {
    balancer_under_test balancer(weighted({1, 1, 1, 1}), "key: field.x-key, load_max: 125",
                                 with_key);
    BOOST_TEST(balancer.needs() == PK_BALANCER_IN_FLIGHT);
    for (int n = 0; n < 1000; ++n) ++balancer.shared(balancer.pick()).in_flight;
    for (std::uint32_t i = 0; i < 4; ++i) BOOST_TEST(balancer.shared(i).in_flight <= 313u);
}

BOOST_AUTO_TEST_CASE(a_bound_holds_for_many_endpoints_too) {
    balancer_under_test balancer(weighted(std::vector<std::uint32_t>(100, 1)),
                                 "key: field.x-key, load_max: 150", with_key);
    for (int n = 0; n < 10'000; ++n) ++balancer.shared(balancer.pick()).in_flight;
    for (std::uint32_t i = 0; i < 100; ++i) BOOST_TEST(balancer.shared(i).in_flight <= 151u);
}

BOOST_AUTO_TEST_CASE(without_a_bound_a_key_stays_whatever_the_load) {
    balancer_under_test balancer(weighted({1, 1}), "key: field.x-key", with_key);
    BOOST_TEST(balancer.needs() == 0u);
    const auto home = balancer.pick();
    balancer.shared(home).in_flight = 1000;
    BOOST_TEST(balancer.pick() == home);
}

BOOST_AUTO_TEST_CASE(refuses_what_makes_no_sense) {
    const auto error = [](std::string_view options) {
        return balancer_under_test::load_error(options);
    };
    BOOST_TEST(error("").find("key: is required") != std::string::npos);
    BOOST_TEST(error("key: nonsense").find("no variable 'nonsense'") != std::string::npos);
    BOOST_TEST(error("key: path, load_max: 100").find("load_max must be over 100") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(allocates_nothing_once_it_is_warm) {
    balancer_under_test balancer(weighted({3, 2, 1}), "key: field.x-key, load_max: 125", with_key);
    balancer.pick();
    pk::testing::plugin_under_test::allocations();
    balancer.counts(1000);
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

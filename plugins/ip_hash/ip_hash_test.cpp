// A client's address decides: always the same, /64 of IPv6, and nobody moves for others.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <pkernel/testing.hpp>

using pk::testing::balancer_under_test;
using pk::testing::endpoint_spec;
using pk::testing::request_spec;

namespace {

std::vector<endpoint_spec> weighted(const std::vector<std::uint32_t>& weights) {
    std::vector<endpoint_spec> all;
    for (std::size_t i = 0; i < weights.size(); ++i)
        all.push_back({"127.0.0.1:" + std::to_string(3000 + i), weights[i]});
    return all;
}

std::string client(std::uint32_t n) {
    return "10." + std::to_string(n >> 16 & 255) + "." + std::to_string(n >> 8 & 255) + "." +
           std::to_string(n & 255) + ":4000";
}

std::uint32_t pick_for(balancer_under_test& balancer, const std::string& peer,
                       const std::vector<std::uint32_t>& candidates = {}) {
    request_spec spec;
    spec.peer = peer;
    balancer.request(spec);
    return balancer.pick(0, candidates);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ip_hash)

BOOST_AUTO_TEST_CASE(a_client_stays) {
    balancer_under_test balancer(weighted({1, 1, 1}), "", {.workers = 2});
    for (std::uint32_t n = 0; n < 100; ++n) {
        const auto first = pick_for(balancer, client(n));
        BOOST_TEST(balancer.pick(1) == first);  // Another worker agrees.
        BOOST_TEST(pick_for(balancer, "10.0.0." + std::to_string(n) + ":9") == first);
    }
}

BOOST_AUTO_TEST_CASE(clients_are_spread_by_weight) {
    for (const auto& weights : {std::vector<std::uint32_t>{1, 1, 1}, {3, 1}, {1, 2, 3, 4}}) {
        balancer_under_test balancer(weighted(weights));
        std::vector<double> counts(weights.size());
        double sum = 0;
        for (std::uint32_t w : weights) sum += w;
        for (std::uint32_t n = 0; n < 100'000; ++n) ++counts[pick_for(balancer, client(n * 7919))];
        for (std::size_t i = 0; i < weights.size(); ++i)
            BOOST_TEST(std::abs(counts[i] / 100'000 - weights[i] / sum) <= 0.01);
    }
}

BOOST_AUTO_TEST_CASE(of_ipv6_the_first_64_bits_count) {
    balancer_under_test balancer(weighted({1, 1, 1, 1, 1, 1, 1}));
    const auto one = pick_for(balancer, "[2001:db8:1:2::1]:4000");
    BOOST_TEST(pick_for(balancer, "[2001:db8:1:2:ffff:ffff:ffff:ffff]:4000") == one);
    std::set<std::uint32_t> others;
    for (int i = 0; i < 50; ++i)
        others.insert(pick_for(balancer, "[2001:db8:1:" + std::to_string(i) + "::1]:4000"));
    BOOST_TEST(others.size() == 7u);
}

BOOST_AUTO_TEST_CASE(an_ipv4_client_is_the_same_on_a_dual_stack_listener) {
    balancer_under_test balancer(weighted({1, 1, 1, 1, 1, 1, 1}));
    for (std::uint32_t n = 0; n < 50; ++n) {
        const auto text = "10.0.0." + std::to_string(n);
        BOOST_TEST(pick_for(balancer, text + ":1") ==
                   pick_for(balancer, "[::ffff:" + text + "]:1"));
    }
}

BOOST_AUTO_TEST_CASE(a_client_without_an_address_goes_anywhere) {
    balancer_under_test balancer(weighted({1, 1, 1}));
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 100; ++i) seen.insert(pick_for(balancer, "unix"));
    BOOST_TEST(seen.size() == 3u);
}

BOOST_AUTO_TEST_CASE(while_one_is_out_only_its_clients_are_elsewhere) {
    balancer_under_test balancer(weighted({1, 1, 1, 1}));
    for (std::uint32_t n = 0; n < 2000; ++n) {
        const auto before = pick_for(balancer, client(n));
        const auto while_out = balancer.pick(0, {0, 1, 3});
        BOOST_TEST((before == 2 ? while_out != 2 : while_out == before));
        BOOST_TEST(balancer.pick() == before);
    }
    BOOST_TEST(balancer.violations().empty());
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

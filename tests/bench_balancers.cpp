// What a pick costs, at 10 and at 1,000 endpoints: the built plugins, through the fake host.
//
//     cmake --build build --target bench_balancers && build/tests/bench_balancers
//
// The main() is that of sdk/testing; the one case here runs Google Benchmark.

#include <benchmark/benchmark.h>

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::balancer_under_test;
using pk::testing::fake_balancer;

namespace {

struct subject {
    const char* name;
    const char* options;
};
constexpr subject subjects[] = {{"round_robin", ""},
                                {"least_conn", ""},
                                {"random_two", ""},
                                {"ip_hash", ""},
                                {"consistent_hash", "field.x-user"},
                                {"sticky", "fallback: inner, secret: 0123456789abcdef"}};

void pick(benchmark::State& state, const subject& of, std::uint32_t weight_max) {
    std::vector<pk::testing::endpoint_spec> endpoints;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(state.range(0)); ++i)
        endpoints.push_back({"10.0.0.1:" + std::to_string(1000 + i), 1 + i % weight_max});
    fake_balancer inner([](const pk_pick&) { return 0u; });
    balancer_under_test balancer(
        endpoints, of.options,
        {.variables = {{"field.x-user", "someone"}}, .inner = {{"inner", inner.handle()}}},
        std::string(PKERNEL_PLUGINS_BUILT) + "/" + of.name + ".so");
    // The client of the measured picks has been here before.
    std::string cookie;
    balancer.pick();
    for (const auto& [name, value] : balancer.response_fields())
        cookie = "cookie: " + value.substr(0, value.find(';'));
    pk::testing::request_spec spec;
    spec.fields = cookie;
    balancer.request(spec);
    balancer.pick();
    const pk::testing::inside plugin(true);
    for (auto _ : state) benchmark::DoNotOptimize(balancer.bare_pick());
}

}  // namespace

BOOST_AUTO_TEST_CASE(picks) {
    for (const subject& s : subjects)
        for (const std::uint32_t weight_max : {1u, 7u}) {
            const std::string name =
                std::string(s.name) + (weight_max == 1 ? "/equal" : "/weighted");
            benchmark::RegisterBenchmark(
                name.c_str(), [&s, weight_max](benchmark::State& st) { pick(st, s, weight_max); })
                ->Arg(10)
                ->Arg(1000);
        }
    benchmark::RunSpecifiedBenchmarks();
}

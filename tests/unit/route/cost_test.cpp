// What a lookup costs does not grow with the number of routes: counted, not timed.

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <new>

#include "tests/unit/route/workbench.hpp"

using namespace pkernel;
using namespace pkernel::route;
using namespace pkernel::route::testing;

namespace {

std::size_t allocations = 0;

constexpr int many = 10'000;

std::string number(int i) {
    return std::to_string(i);
}

// The cost of `asked`, which must find route `expected`; no allocation on the way.
search_cost cost_of(const table& routes, const request& asked, int expected) {
    search_cost cost;
    const auto before = allocations;
    const auto found = asked.in(routes, &cost);
    BOOST_TEST(allocations == before);
    BOOST_TEST(found == expected);
    return cost;
}

std::string mixed(int i) {
    switch (i % 4) {
        case 0:
            return "path=/service/" + number(i);
        case 1:
            return "path=/service method=GET header=x-tenant:" + number(i);
        case 2:
            return "path=/service/common header=x-version:" + number(i % 100) +
                   " query=shard:" + number(i / 100);
        default:
            return "exact=/page/" + number(i) + " method=GET,HEAD";
    }
}

table mixed_routes(int count) {
    std::vector<std::string> lines;
    for (int i = 0; i < count - 1; ++i) lines.push_back("host=app.example " + mixed(i));
    lines.push_back("host=app.example");
    return table(lines);
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* made = std::malloc(size)) return made;
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
    std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}

BOOST_AUTO_TEST_SUITE(cost)

BOOST_AUTO_TEST_CASE(ten_thousand_mixed_routes_cost_what_ten_do) {
    const std::vector<std::string> fields = {"Accept: */*", "X-Tenant: none", "X-Version: 7"};
    const request asked("GET app.example/service/common/x?shard=none&y=1", fields);
    const auto few = mixed_routes(10);
    const auto all = mixed_routes(many);
    BOOST_TEST(all.said.warnings() == 0u);
    const auto small = cost_of(few, asked, 9);
    const auto large = cost_of(all, asked, many - 1);
    BOOST_TEST(large.candidates <= small.candidates + 4);
    BOOST_TEST(large.probes <= small.probes + 8);
    BOOST_TEST_MESSAGE("probes " << small.probes << " -> " << large.probes << ", candidates "
                                 << small.candidates << " -> " << large.candidates << ", memory "
                                 << all.made->footprint_bytes());
}

BOOST_AUTO_TEST_CASE(each_kind_of_route_is_found_at_once) {
    const auto all = mixed_routes(many);
    const std::vector<std::string> fields = {"X-Tenant: 9997", "X-Version: 98"};
    for (const auto& [line, expected] : {std::pair("GET app.example/service/9996/x", 9996),
                                         std::pair("GET app.example/service/x", 9997),
                                         std::pair("PUT app.example/service/common?shard=99", 9998),
                                         std::pair("HEAD app.example/page/9995", 9995)}) {
        const auto cost = cost_of(all, request(line, fields), expected);
        BOOST_TEST(cost.candidates <= 4u);
        BOOST_TEST(cost.probes <= 16u);
    }
}

BOOST_AUTO_TEST_CASE(ten_thousand_prefixes_on_one_host_fit_in_a_few_megabytes) {
    std::vector<std::string> lines;
    for (int i = 0; i < many; ++i) lines.push_back("path=/service" + number(i) + "/v1");
    const table all(lines);
    const auto cost = cost_of(all, request("GET h/service9999/v1/users?id=7"), many - 1);
    BOOST_TEST(cost.candidates == 1u);
    BOOST_TEST(cost.probes <= 4u);
    BOOST_TEST(all.made->footprint_bytes() < 3u << 20);
}

BOOST_AUTO_TEST_CASE(ten_thousand_hosts) {
    std::vector<std::string> lines;
    for (int i = 0; i < many; ++i)
        lines.push_back(std::string("host=") + (i % 2 ? "*.t" : "t") + number(i) + ".example");
    const table all(lines);
    const auto cost = cost_of(all, request("GET a.b.t9999.example/"), many - 1);
    BOOST_TEST(cost.candidates == 1u);
    BOOST_TEST(cost.probes <= 8u);
    BOOST_TEST(all.made->footprint_bytes() < 3u << 20);
}

BOOST_AUTO_TEST_CASE(conditions_that_only_differ_together_are_told_apart) {
    std::vector<std::string> lines;
    for (int i = 0; i < many; ++i)
        lines.push_back("path=/ header=x-a:" + number(i / 100) + " query=b:" + number(i % 100));
    const table all(lines);
    const auto cost = cost_of(all, request("GET h/?b=99", {"X-A: 99"}), many - 1);
    BOOST_TEST(cost.candidates <= 8u);
    BOOST_TEST(cost.probes <= 16u);
}

BOOST_AUTO_TEST_CASE(a_name_of_its_own_for_each_route) {
    std::vector<std::string> lines;
    for (int i = 0; i < many; ++i) lines.push_back("header=x-" + number(i));
    const table all(lines);
    const auto cost = cost_of(all, request("GET h/", {"X-9999: a", "X-none: b"}), many - 1);
    BOOST_TEST(cost.candidates <= 4u);
}

BOOST_AUTO_TEST_CASE(equal_routes_are_left_out) {
    const std::vector<std::string> lines(many, "path=/a method=POST");
    const table all(lines);
    BOOST_TEST(all.said.warnings() == many - 1u);
    BOOST_TEST(cost_of(all, request("GET h/a"), -1).candidates == 1u);
}

BOOST_AUTO_TEST_CASE(a_request_cannot_make_it_walk) {
    const auto all = mixed_routes(many);
    std::string path, query;
    for (int i = 0; i < 1000; ++i) {
        path += "/service";
        query += "&shard=7";
    }
    std::string host = "app.example";
    for (int i = 0; i < 1000; ++i) host.insert(0, "a.");
    const auto far = cost_of(all, request("GET app.example" + path + "?" + query), many - 1);
    BOOST_TEST(far.probes <= 32u);
    BOOST_TEST(far.candidates <= 8u);
    BOOST_TEST(cost_of(all, request("GET " + host + "/"), -1).probes <= 2u);
}

BOOST_AUTO_TEST_SUITE_END()

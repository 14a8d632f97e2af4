// Counting by workers apart, read as a whole.

#include "kernel/plugin/metrics.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

#include "kernel/plugin/this_thread.hpp"

using namespace pkernel::plugin;

namespace {

metric_labels place() {
    return {"limiter", "pk.http_filter/1", "route api", 0};
}

std::uint32_t defined(metric_set& set, std::uint32_t kind, std::string_view name) {
    std::uint32_t number = 0;
    BOOST_REQUIRE(set.define(kind, name, "A help.", &number) == pk_status{PK_OK});
    return number;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(sums_what_workers_and_other_threads_count) {
    constexpr std::uint32_t workers = 2;
    constexpr int rounds = 100'000;
    metric_registry all(workers);
    const auto set = all.make(place());
    const auto hits = defined(*set, PK_COUNTER, "hits");
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                if (t < workers) become_worker(t);
                for (int i = 0; i < rounds; ++i) set->add(hits, 1);
            });
        }
        all.read();  // Beside them, for TSan.
    }
    const auto samples = all.read();
    BOOST_REQUIRE(samples.size() == 1u);
    BOOST_TEST(samples[0].name == "pkernel_limiter_hits");
    BOOST_TEST(samples[0].help == "A help.");
    BOOST_TEST(samples[0].labels.owner == "route api");
    BOOST_TEST(samples[0].value == 4 * rounds);
}

BOOST_AUTO_TEST_CASE(keeps_what_a_gauge_was_set_to_last) {
    metric_registry all(2);
    const auto set = all.make(place());
    const auto size = defined(*set, PK_GAUGE, "size");
    set->set(size, 10);
    std::jthread([&] {
        become_worker(1);
        set->add(size, -3);
    }).join();
    BOOST_TEST(all.read()[0].value == 7);
}

BOOST_AUTO_TEST_CASE(sorts_observations_by_their_size) {
    metric_registry all(1);
    const auto set = all.make(place());
    const auto time = defined(*set, PK_HISTOGRAM, "time");
    for (const std::uint64_t value : {0ull, 1ull, 2ull, 3ull, 4ull, ~0ull - 9}) {
        set->observe(time, value);
    }
    const auto s = all.read()[0];
    BOOST_TEST(s.count == 6u);
    BOOST_TEST(s.sum == std::uint64_t{0} + 1 + 2 + 3 + 4 - 10);  // Wraps.
    BOOST_TEST(s.buckets.size() == metric_sample::bucket_count);
    BOOST_TEST(s.buckets[0] == 1u);
    BOOST_TEST(s.buckets[1] == 1u);
    BOOST_TEST(s.buckets[2] == 2u);
    BOOST_TEST(s.buckets[3] == 1u);
    BOOST_TEST(s.buckets[64] == 1u);
}

BOOST_AUTO_TEST_CASE(gives_the_same_number_for_the_same_name) {
    metric_registry all(1);
    const auto set = all.make(place());
    const auto hits = defined(*set, PK_COUNTER, "hits");
    BOOST_TEST(defined(*set, PK_COUNTER, "hits") == hits);
    std::uint32_t number = 0;
    BOOST_TEST(set->define(PK_GAUGE, "hits", "", &number) == pk_status{PK_INVALID});
    BOOST_TEST(set->define(PK_COUNTER, "Hits", "", &number) == pk_status{PK_INVALID});
    BOOST_TEST(set->define(PK_COUNTER, "", "", &number) == pk_status{PK_INVALID});
    BOOST_TEST(set->define(9, "other", "", &number) == pk_status{PK_INVALID});
}

BOOST_AUTO_TEST_CASE(has_a_limit) {
    metric_registry all(1);
    const auto set = all.make(place());
    std::uint32_t number = 0;
    for (std::uint32_t i = 0; i < metric_set::metrics_max; ++i) {
        const std::string name(i + 1, 'a');
        BOOST_TEST(set->define(PK_COUNTER, name, "", &number) == pk_status{PK_OK});
    }
    BOOST_TEST(set->define(PK_COUNTER, "more", "", &number) == pk_status{PK_NO_MEMORY});
    set->add(metric_set::metrics_max, 1);  // Unknown: nothing happens.
}

BOOST_AUTO_TEST_CASE(adds_up_an_instance_and_its_successor) {
    metric_registry all(1);
    auto old = all.make(place());
    const auto fresh = all.make(place());
    old->add(defined(*old, PK_COUNTER, "hits"), 5);
    fresh->add(defined(*fresh, PK_COUNTER, "hits"), 2);
    BOOST_REQUIRE(all.read().size() == 1u);
    BOOST_TEST(all.read()[0].value == 7);
    old.reset();
    BOOST_TEST(all.read()[0].value == 2);
}

BOOST_AUTO_TEST_SUITE_END()

// Which failures merit another attempt, how many, and within what time.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using namespace std::chrono_literals;
using pk::testing::attempt_under_test;

namespace {

std::uint64_t ns(std::chrono::nanoseconds d) {
    return static_cast<std::uint64_t>(d.count());
}

std::uint32_t after(attempt_under_test& plugin, std::uint32_t failure, std::uint32_t status = 0) {
    auto f = plugin.facts(failure);
    f.status = status;
    return plugin.failed(f).verdict;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retry)

BOOST_AUTO_TEST_CASE(by_default_what_never_reached_the_origin_or_died_there) {
    attempt_under_test plugin;
    for (const auto failure : {PK_FAIL_REFUSED, PK_FAIL_UNREACHABLE, PK_FAIL_CONNECT_TIMEOUT,
                               PK_FAIL_TRANSPORT, PK_FAIL_RESET})
        BOOST_TEST(after(plugin, failure) == +PK_ATTEMPT_OTHER);
    for (const auto failure : {PK_FAIL_SEND_TIMEOUT, PK_FAIL_HEAD_TIMEOUT, PK_FAIL_PROTOCOL})
        BOOST_TEST(after(plugin, failure) == +PK_ATTEMPT_PASS);
    BOOST_TEST(!plugin.judges(502));
    BOOST_TEST(plugin.keeps() == 64u << 10);
}

BOOST_AUTO_TEST_CASE(each_word_means_its_failures) {
    attempt_under_test timeouts("on: [timeout]");
    BOOST_TEST(after(timeouts, PK_FAIL_HEAD_TIMEOUT) == +PK_ATTEMPT_OTHER);
    BOOST_TEST(after(timeouts, PK_FAIL_SEND_TIMEOUT) == +PK_ATTEMPT_OTHER);
    BOOST_TEST(after(timeouts, PK_FAIL_CONNECT_TIMEOUT) == +PK_ATTEMPT_PASS);
    attempt_under_test nonsense("on: [bad_response]");
    BOOST_TEST(after(nonsense, PK_FAIL_PROTOCOL) == +PK_ATTEMPT_OTHER);
    BOOST_TEST(after(nonsense, PK_FAIL_RESET) == +PK_ATTEMPT_PASS);
}

BOOST_AUTO_TEST_CASE(statuses_are_judged_only_when_named) {
    attempt_under_test plugin("on: [\"502\", \"503\"]");
    for (std::uint32_t status = 100; status < 600; ++status)
        BOOST_TEST(plugin.judges(status) == (status == 502 || status == 503));
    BOOST_TEST(after(plugin, PK_FAIL_STATUS, 503) == +PK_ATTEMPT_OTHER);
    BOOST_TEST(after(plugin, PK_FAIL_STATUS, 500) == +PK_ATTEMPT_PASS);
    BOOST_TEST(after(plugin, PK_FAIL_REFUSED) == +PK_ATTEMPT_PASS);
}

BOOST_AUTO_TEST_CASE(tries_count_the_first) {
    attempt_under_test plugin("tries: 3");
    BOOST_TEST(plugin.failed(plugin.facts(PK_FAIL_RESET, 1)).verdict == +PK_ATTEMPT_OTHER);
    BOOST_TEST(plugin.failed(plugin.facts(PK_FAIL_RESET, 2)).verdict == +PK_ATTEMPT_OTHER);
    BOOST_TEST(plugin.failed(plugin.facts(PK_FAIL_RESET, 3)).verdict == +PK_ATTEMPT_PASS);
    attempt_under_test once("tries: 1");
    BOOST_TEST(after(once, PK_FAIL_REFUSED) == +PK_ATTEMPT_PASS);
    BOOST_TEST(once.keeps() == 0u);
    attempt_under_test files("spill: 16MiB");
    BOOST_TEST(files.keeps() == 64u << 10);
    BOOST_TEST(files.spills() == 16u << 20);
    BOOST_TEST(attempt_under_test("tries: 1, spill: 16MiB").spills() == 0u);
    BOOST_TEST(plugin.spills() == 0u);
}

BOOST_AUTO_TEST_CASE(another_endpoint_first_then_the_same_after_a_pause) {
    attempt_under_test plugin("tries: 16, delay: 100ms");
    auto f = plugin.facts(PK_FAIL_REFUSED, 1);
    BOOST_TEST(plugin.failed(f).plan.delay_ns == 0u);
    f.others = 0;
    const std::pair<std::uint32_t, std::chrono::nanoseconds> pauses[] = {
        {1, 100ms}, {2, 200ms}, {3, 400ms}, {4, 500ms}, {15, 500ms}};
    for (const auto& [attempt, pause] : pauses) {
        f.attempt = attempt;
        const auto a = plugin.failed(f);
        BOOST_TEST(a.verdict == +PK_ATTEMPT_SAME);
        BOOST_TEST(a.plan.delay_ns == ns(pause));
    }
}

BOOST_AUTO_TEST_CASE(a_long_pause_stays_as_it_is) {
    attempt_under_test plugin("tries: 16, delay: 2s");
    auto f = plugin.facts(PK_FAIL_REFUSED, 9);
    f.others = 0;
    BOOST_TEST(plugin.failed(f).plan.delay_ns == ns(2s));
}

BOOST_AUTO_TEST_CASE(a_try_has_its_time_and_all_have_theirs) {
    attempt_under_test none;
    BOOST_TEST(none.before_send(none.facts()).plan.try_ns == 0u);
    attempt_under_test plugin("try_timeout: 2s, deadline: 5s");
    auto f = plugin.facts();
    BOOST_TEST(plugin.before_send(f).plan.try_ns == ns(2s));
    f.total_ns = ns(4s);
    BOOST_TEST(plugin.before_send(f).plan.try_ns == ns(1s));
    f.total_ns = ns(6s);
    BOOST_TEST(plugin.before_send(f).plan.try_ns == ns(1ms));
}

BOOST_AUTO_TEST_CASE(past_the_deadline_there_is_no_other_attempt) {
    attempt_under_test plugin("deadline: 1s, delay: 200ms, tries: 9");
    auto f = plugin.facts(PK_FAIL_RESET);
    f.total_ns = ns(999ms);
    BOOST_TEST(plugin.failed(f).verdict == +PK_ATTEMPT_OTHER);
    f.total_ns = ns(1s);
    BOOST_TEST(plugin.failed(f).verdict == +PK_ATTEMPT_PASS);
    f.others = 0;
    f.total_ns = ns(800ms);  // The pause would end past it.
    BOOST_TEST(plugin.failed(f).verdict == +PK_ATTEMPT_PASS);
}

BOOST_AUTO_TEST_CASE(only_the_config_makes_a_repeated_post_legal) {
    attempt_under_test plugin;
    BOOST_TEST(plugin.failed(plugin.facts(PK_FAIL_RESET)).plan.flags == 0u);
    attempt_under_test unsafe("non_idempotent: true");
    BOOST_TEST(unsafe.failed(unsafe.facts(PK_FAIL_RESET)).plan.flags == +PK_ATTEMPT_UNSAFE);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_its_options) {
    const auto wrong = [](std::string_view word) {
        return attempt_under_test::load_error("on: [" + std::string(word) + "]");
    };
    for (const auto word : {"\"399\"", "\"600\"", "\"50x\"", "errors", "\"\""})
        BOOST_TEST(wrong(word).find("is none of connect_error, reset") != std::string::npos);
    BOOST_TEST(wrong("\"400\"").empty());
    BOOST_TEST(!attempt_under_test::load_error("tries: 0").empty());
    BOOST_TEST(!attempt_under_test::load_error("tries: 17").empty());
    BOOST_TEST(!attempt_under_test::load_error("body: 129KiB").empty());
    BOOST_TEST(!attempt_under_test::load_error("delay: 3s").empty());
}

BOOST_AUTO_TEST_CASE(allocates_nothing) {
    attempt_under_test plugin("on: [connect_error, \"503\"], deadline: 1s");
    pk::testing::plugin_under_test::allocations();
    const auto first = plugin.before_send(plugin.facts());
    const auto then = plugin.failed(plugin.facts(PK_FAIL_REFUSED));
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
    BOOST_TEST(first.plan.try_ns > 0u);
    BOOST_TEST(then.verdict == +PK_ATTEMPT_OTHER);
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

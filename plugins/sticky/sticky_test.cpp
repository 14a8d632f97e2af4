// The cookie: who gets one, what is in it, and when it counts.

#include <boost/test/unit_test.hpp>
#include <pkernel/testing.hpp>

using pk::testing::balancer_under_test;
using pk::testing::endpoint_spec;
using pk::testing::fake_balancer;
using pk::testing::request_spec;

namespace {

const std::vector<endpoint_spec> three{{"127.0.0.1:3000"}, {"127.0.0.1:3001"}, {"127.0.0.1:3002"}};
constexpr std::string_view plain = "fallback: inner, secret: 0123456789abcdef";

// A balancer whose inner one always says `choice`.
struct stage {
    explicit stage(std::string_view options = plain, std::uint32_t fixed = 1)
        : choice(fixed),
          inner([this](const pk_pick&) { return choice; }),
          balancer(three, options, {.inner = {{"inner", inner.handle()}}}) {}

    std::uint32_t pick(const std::string& cookie = {},
                       const std::vector<std::uint32_t>& candidates = {}) {
        request_spec spec;
        if (!cookie.empty()) spec.fields = "cookie: " + cookie;
        balancer.request(spec);
        return balancer.pick(0, candidates);
    }
    // What the client sends back.
    std::string given() const {
        const auto& all = balancer.response_fields();
        if (all.size() != 1) return std::to_string(all.size()) + " fields";
        return all[0].second.substr(0, all[0].second.find(';'));
    }

    std::uint32_t choice;
    fake_balancer inner;
    balancer_under_test balancer;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sticky)

BOOST_AUTO_TEST_CASE(who_has_no_cookie_gets_one) {
    stage s;
    BOOST_TEST(s.pick() == 1u);
    const auto& all = s.balancer.response_fields();
    BOOST_REQUIRE(all.size() == 1u);
    BOOST_TEST(all[0].first == "Set-Cookie");
    BOOST_TEST(all[0].second.starts_with("pk_sticky="));
    BOOST_TEST(all[0].second.ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    BOOST_TEST(s.given().size() == std::string("pk_sticky=").size() + 32);
    BOOST_TEST(s.given().find("127") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_has_one_stays_and_gets_no_other) {
    stage s;
    s.pick();
    const auto cookie = s.given();
    s.choice = 2;
    for (const auto& sent : {cookie, "a=b; " + cookie, cookie + "; c=d", "x; ;=;" + cookie}) {
        BOOST_TEST(s.pick(sent) == 1u);
        BOOST_TEST(s.balancer.response_fields().empty());
    }
    BOOST_TEST(s.inner.calls == 1u);
}

BOOST_AUTO_TEST_CASE(each_endpoint_has_its_own) {
    std::set<std::string> seen;
    for (std::uint32_t i = 0; i < 3; ++i) {
        stage s(plain, i);
        s.pick();
        BOOST_TEST(seen.insert(s.given()).second);
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_ours_counts_for_nothing) {
    stage s;
    s.pick();
    const auto cookie = s.given();
    s.choice = 2;
    auto forged = cookie;
    forged.back() = forged.back() == '0' ? '1' : '0';
    const auto value = cookie.substr(cookie.find('='));
    for (const auto& sent : {forged, cookie + "0", cookie.substr(0, cookie.size() - 1),
                             "pk_stick" + value, "PK_STICKY" + value, std::string("pk_sticky="),
                             std::string("pk_sticky=") + std::string(32, '0')}) {
        BOOST_TEST(s.pick(sent) == 2u);
        BOOST_TEST(s.balancer.response_fields().size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(another_secret_makes_other_cookies) {
    stage s;
    s.pick();
    const auto cookie = s.given();
    stage other("fallback: inner, secret: fedcba9876543210", 2);
    BOOST_TEST(other.pick(cookie) == 2u);
    stage same(plain, 2);
    BOOST_TEST(same.pick(cookie) == 1u);  // Another proxy with the same secret.
}

BOOST_AUTO_TEST_CASE(when_its_endpoint_is_out_another_is_picked_for_it) {
    stage s;
    s.pick();
    const auto cookie = s.given();
    s.choice = 2;
    BOOST_TEST(s.pick(cookie, {0, 2}) == 2u);
    BOOST_TEST(s.balancer.response_fields().size() == 1u);
    BOOST_TEST(s.given() != cookie);
    BOOST_TEST(s.balancer.violations().empty());
}

BOOST_AUTO_TEST_CASE(who_has_one_stays_at_an_endpoint_that_is_drained) {
    stage s;
    BOOST_TEST((s.balancer.needs() & PK_BALANCER_TIES) != 0u);
    s.pick();
    const auto cookie = s.given();
    s.choice = 2;
    s.balancer.drain({0, 1});
    BOOST_TEST(s.pick(cookie, {2}) == 1u);
    BOOST_TEST(s.balancer.response_fields().empty());
    BOOST_TEST(s.pick({}, {2}) == 2u);  // Nobody else is sent there.
    s.balancer.drain({0});
    BOOST_TEST(s.pick(cookie, {2}) == 2u);
    BOOST_TEST(s.balancer.response_fields().size() == 1u);
    BOOST_TEST(s.balancer.violations().empty());
}

BOOST_AUTO_TEST_CASE(it_outlives_a_change_of_the_other_endpoints) {
    stage s;
    s.pick();
    const auto cookie = s.given();
    s.choice = 0;
    s.balancer.publish({{"10.0.0.1:1"}, {"127.0.0.1:3002"}, {"127.0.0.1:3001", 5}});
    BOOST_TEST(s.pick(cookie) == 2u);
    s.balancer.publish({{"10.0.0.1:1"}, {"127.0.0.1:3002"}});
    BOOST_TEST(s.pick(cookie) == 0u);
}

BOOST_AUTO_TEST_CASE(nobody_to_pick_no_cookie) {
    stage s(plain, PK_NO_ENDPOINT);
    BOOST_TEST(s.pick() == PK_NO_ENDPOINT);
    BOOST_TEST(s.balancer.response_fields().empty());
}

BOOST_AUTO_TEST_CASE(its_attributes_are_options) {
    stage s(
        "fallback: inner, secret: 0123456789abcdef, cookie: SID, path: /app, max_age: 1h, "
        "same_site: none, secure: true");
    s.pick();
    const auto& line = s.balancer.response_fields().at(0).second;
    BOOST_TEST(line.starts_with("SID="));
    BOOST_TEST(line.ends_with("; Path=/app; HttpOnly; SameSite=None; Secure; Max-Age=3600"));
}

BOOST_AUTO_TEST_CASE(refuses_what_makes_no_sense) {
    fake_balancer inner([](const pk_pick&) { return 0u; });
    const pk::testing::setup with{.inner = {{"inner", inner.handle()}}};
    const auto error = [&](const std::string& options) {
        return balancer_under_test::load_error(options, with);
    };
    BOOST_TEST(error("secret: 0123456789abcdef").find("fallback: is required") !=
               std::string::npos);
    BOOST_TEST(error("fallback: inner").find("secret: is required") != std::string::npos);
    BOOST_TEST(error("fallback: inner, secret: short").find("16 bytes") != std::string::npos);
    const std::string good(plain);
    BOOST_TEST(error(good).empty());
    BOOST_TEST(error(good + ", cookie: \"a b\"").find("cookie has letters") != std::string::npos);
    BOOST_TEST(error(good + ", path: \"/;x\"").find("path must begin") != std::string::npos);
    BOOST_TEST(error(good + ", same_site: none").find("needs secure") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(allocates_nothing_once_it_is_warm) {
    stage s;
    s.pick();
    pk::testing::plugin_under_test::allocations();
    s.balancer.counts(100);
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

// Endpoints by name: what the system or a plugin finds, and what an upstream makes of it.

#include "kernel/upstream/feed.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "kernel/plugin/services.hpp"
#include "kernel/upstream/endpoint_set.hpp"

using namespace pkernel;
using namespace std::chrono_literals;
using upstream::discovered;
using upstream::socket_address;

namespace {

socket_address v4(std::uint8_t last, std::uint32_t port = 80) {
    pk_address ip{};
    ip.family = 4;
    ip.port = port;
    ip.bytes[0] = 10;
    ip.bytes[3] = last;
    return net::to_socket_address(ip);
}

config::endpoint by_name(const std::string& host, std::uint32_t weight = 1) {
    config::endpoint e;
    e.address.kind = config::address_kind::name;
    e.address.host = host;
    e.address.port = 80;
    e.address.text = host + ":80";
    e.weight = weight;
    return e;
}

config::upstream with(std::vector<config::endpoint> endpoints) {
    config::upstream u;
    u.name = "app";
    u.endpoints = std::move(endpoints);
    return u;
}

// A lookup may outlive who asked for it.
struct system_of_test {
    std::atomic<int> lookups{0};
    std::atomic<bool> answers{false};
};

// What an engine has of it.
struct bench {
    explicit bench(config::upstream c)
        : conf(std::move(c)),
          port(
              services, [this] { ++rings; },
              [from = system](const std::string&, std::uint16_t, std::string& why) {
                  ++from->lookups;
                  why = "nobody knows it";
                  return from->answers ? std::vector{v4(1), v4(2)} : std::vector<socket_address>{};
              }),
          feed(std::make_shared<upstream::feed>(conf, nullptr, port)) {
        made = std::make_shared<upstream::upstream>();
        made->conf = &conf;
        made->name = "app";
        made->feed = feed;
        upstream::add_endpoints(*made, nullptr, false);
        upstream::publish(*made);
    }
    bool renew() {
        auto next = upstream::with_new_endpoints(*made, said);
        if (!next) return false;
        before.push_back(std::exchange(made, next));
        return true;
    }
    std::string names() const {
        std::string out;
        for (const auto& e : made->endpoints) out += (out.empty() ? "" : " ") + e.key.address;
        return out;
    }

    plugin::services services{1};
    config::upstream conf;
    std::atomic<int> rings{0};
    const std::shared_ptr<system_of_test> system = std::make_shared<system_of_test>();
    upstream::discovery_port port;
    std::shared_ptr<upstream::feed> feed;
    std::shared_ptr<upstream::upstream> made;
    std::vector<std::shared_ptr<upstream::upstream>> before;
    std::string said;
};

discovered at(std::uint8_t last) {
    return {{v4(last)}, false};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(feed)

BOOST_AUTO_TEST_CASE(only_names_that_are_not_localhost_need_one) {
    config::endpoint ip;
    ip.address.kind = config::address_kind::ip;
    ip.address.ip.family = 4;
    BOOST_TEST(!upstream::feed::is_needed(with({ip, by_name("localhost")})));
    BOOST_TEST(upstream::feed::is_needed(with({ip, by_name("a")})));
}

BOOST_AUTO_TEST_CASE(an_upstream_begins_without_endpoints_and_gets_each_address_as_one) {
    bench b(with({by_name("a", 3)}));
    BOOST_TEST(b.names() == "");
    BOOST_TEST(!b.renew());
    b.feed->found(0, {at(1), at(2)});
    BOOST_TEST(b.rings == 1);
    BOOST_TEST(b.port.take_change());
    BOOST_TEST(!b.port.take_change());
    BOOST_REQUIRE(b.renew());
    BOOST_TEST(b.names() == "10.0.0.1:80 10.0.0.2:80");
    BOOST_TEST(b.said == "upstream 'app' has 2 endpoints; new: 10.0.0.1:80, 10.0.0.2:80");
    BOOST_TEST(b.made->endpoints[1].weight == 3u);
    BOOST_TEST(b.made->endpoints[1].peer_name == "a");
    BOOST_TEST(b.made->snapshot.count == 2u);
    BOOST_TEST(b.made->primaries.size() == 2u);
}

BOOST_AUTO_TEST_CASE(endpoints_that_stay_keep_their_counts_and_health) {
    bench b(with({by_name("a")}));
    b.feed->found(0, {at(1), at(2)});
    b.renew();
    const auto shared = b.made->endpoints[1].shared;
    const auto health = b.made->endpoints[1].health;
    b.feed->found(0, {at(2), at(3)});
    BOOST_REQUIRE(b.renew());
    BOOST_TEST(b.said == "upstream 'app' has 2 endpoints; new: 10.0.0.3:80; gone: 10.0.0.1:80");
    BOOST_TEST(b.made->endpoints[0].shared == shared);
    BOOST_TEST(b.made->endpoints[0].health == health);
    BOOST_TEST(b.made->endpoints[1].shared != shared);
    BOOST_TEST(&b.made->out == &b.before.back()->out);
}

BOOST_AUTO_TEST_CASE(the_same_again_changes_nothing_and_rings_nobody) {
    bench b(with({by_name("a")}));
    b.feed->found(0, {at(1)});
    b.renew();
    b.feed->found(0, {at(1)});
    BOOST_TEST(b.rings == 1);
    BOOST_TEST(!b.renew());
}

BOOST_AUTO_TEST_CASE(a_failure_keeps_what_was_found_and_answers) {
    bench b(with({by_name("a")}));
    b.feed->found(0, {at(1)});
    b.renew();
    b.feed->failed(0, "NXDOMAIN");
    BOOST_TEST(!b.renew());
    BOOST_TEST(b.names() == "10.0.0.1:80");
    b.feed->found(0, {});  // None is an answer, too.
    BOOST_TEST(b.renew());
    BOOST_TEST(b.names() == "");
}

BOOST_AUTO_TEST_CASE(an_address_of_two_names_is_one_endpoint) {
    bench b(with({by_name("a"), by_name("b")}));
    b.feed->found(0, {at(1), at(2)});
    BOOST_TEST(!b.feed->answered());
    b.feed->found(1, {at(2), at(3)});
    BOOST_TEST(b.feed->answered());
    b.renew();
    BOOST_TEST(b.names() == "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80");
    b.feed->found(0, {at(1)});  // Of the other name now: that is no news for anybody.
    BOOST_TEST(b.renew());
    BOOST_TEST(b.said == "");
    BOOST_TEST(b.made->endpoints[1].of == 1u);
}

BOOST_AUTO_TEST_CASE(one_endpoint_with_several_addresses_goes_by_the_name) {
    bench b(with({by_name("a")}));
    b.feed->found(0, {{{v4(1), v4(2)}, true}});
    b.renew();
    BOOST_TEST(b.names() == "a:80");
    const auto& e = b.made->endpoints[0];
    const auto peer = [](std::uint8_t last) {
        pk_address ip{};
        ip.family = 4;
        ip.port = 80;
        ip.bytes[0] = 10;
        ip.bytes[3] = last;
        return ip;
    };
    BOOST_TEST(upstream::is_at(e, peer(2)));
    BOOST_TEST(!upstream::is_at(e, peer(3)));
    b.feed->found(0, {{{v4(3)}, true}});
    BOOST_TEST(b.renew());
    BOOST_TEST(b.said ==
               "upstream 'app' has 1 endpoint; new: a:80 at 10.0.0.3:80; "
               "gone: a:80 at 10.0.0.1:80 10.0.0.2:80");
}

BOOST_AUTO_TEST_CASE(what_was_known_goes_on_in_a_feed_that_knows_nothing_yet) {
    bench b(with({by_name("a"), by_name("b")}));
    b.feed->found(0, {at(1)});
    b.feed->found(1, {at(2)});
    b.renew();
    const config::upstream next = with({by_name("c"), by_name("b")});
    BOOST_TEST(!b.feed->serves(next, nullptr));
    BOOST_TEST(b.feed->serves(b.conf, nullptr));
    upstream::upstream u(b.made.get());
    u.conf = &next;
    u.name = "app";
    u.feed = std::make_shared<upstream::feed>(next, nullptr, b.port);
    upstream::add_endpoints(u, b.made.get(), true);
    BOOST_REQUIRE(u.endpoints.size() == 1u);
    BOOST_TEST(u.endpoints[0].key.address == "10.0.0.2:80");
    BOOST_TEST(u.endpoints[0].of == 1u);
    BOOST_TEST(u.endpoints[0].shared == b.made->endpoints[1].shared);
}

BOOST_AUTO_TEST_CASE(the_system_is_asked_until_it_knows) {
    bench b(with({by_name("a")}));
    b.feed->open();
    b.port.wait(10s, [&] { return b.feed->answered(); });
    BOOST_TEST(b.feed->answered());
    BOOST_TEST(!b.feed->of("a:80"));
    b.system->answers = true;
    b.port.wait(10s, [&] { return b.feed->of("a:80").has_value(); });
    BOOST_REQUIRE(b.feed->of("a:80"));
    BOOST_TEST(b.system->lookups >= 2);
    BOOST_REQUIRE(b.renew());
    BOOST_TEST(b.names() == "a:80");
    BOOST_TEST(b.made->endpoints[0].addresses.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_closed_one_finds_nothing_any_more) {
    bench b(with({by_name("a")}));
    b.feed->close();
    b.feed->found(0, {at(1)});
    b.feed->failed(0, "why");
    BOOST_TEST(!b.feed->of("a:80"));
    BOOST_TEST(!b.feed->answered());
}

BOOST_AUTO_TEST_CASE(waiting_ends_with_its_time) {
    bench b(with({by_name("a")}));
    const auto begun = std::chrono::steady_clock::now();
    b.port.wait(20ms, [&] { return b.feed->answered(); });
    BOOST_TEST((std::chrono::steady_clock::now() - begun >= 20ms));
}

BOOST_AUTO_TEST_CASE(a_lookup_that_hangs_holds_nobody_up) {
    auto go_on = std::make_shared<std::atomic<bool>>(false);
    {
        upstream::system_names names([go_on](const std::string&, std::uint16_t, std::string&) {
            while (!*go_on) std::this_thread::sleep_for(1ms);
            return std::vector{v4(1)};
        });
        names.ask("a", 80, [](auto, const std::string&) {
            BOOST_ERROR("an answer after the end");
            return false;
        });
    }
    *go_on = true;
}

BOOST_AUTO_TEST_SUITE_END()

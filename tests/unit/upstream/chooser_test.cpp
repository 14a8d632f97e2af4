// What balancers are told of endpoints that go on from one generation to the next.

#include "kernel/upstream/chooser.hpp"

#include <boost/test/unit_test.hpp>

#include "kernel/upstream/endpoint_set.hpp"

using namespace pkernel;

namespace {

struct rig {
    rig() {
        config::endpoint e;
        e.address.kind = config::address_kind::ip;
        e.address.text = "127.0.0.1:80";
        e.address.port = 80;
        e.address.ip.family = 4;
        conf.endpoints = {e};
        begin(running, nullptr);
    }
    void begin(upstream::upstream& u, const upstream::upstream* before) {
        u.conf = &conf;
        upstream::add_endpoints(u, before, false);
        upstream::publish(u);
    }
    std::uint32_t usable(const upstream::upstream& u) { return u.endpoints[0].shared->abi.usable; }
    void enter(upstream::upstream& u) { upstream::chooser(u, connections, marker, 0, 1); }

    config::upstream conf{};
    net::loop loop;
    upstream::pool connections{loop, {}};
    plugin::marker_slot marker{};
    upstream::upstream running;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(chooser)

// A reload that is refused in the end has built its endpoints by then.
BOOST_AUTO_TEST_CASE(the_next_generation_says_nothing_of_endpoints_before_it_is_in_force) {
    rig r;
    r.enter(r.running);
    BOOST_TEST(r.usable(r.running) == 1u);
    pk_health_state down{};
    down.state = PK_HEALTH_DOWN;
    BOOST_TEST(r.running.endpoints[0].health->publish(0, down, net::monotonic_now()));
    upstream::tell_usable(r.running.endpoints[0]);
    BOOST_TEST(r.usable(r.running) == 0u);

    upstream::upstream next(&r.running);  // With other sources of health, which know nothing yet.
    r.begin(next, &r.running);
    BOOST_TEST(next.endpoints[0].shared == r.running.endpoints[0].shared);
    BOOST_TEST(r.usable(r.running) == 0u);
    r.enter(next);
    BOOST_TEST(r.usable(next) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

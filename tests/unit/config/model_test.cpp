// What the kernel's own sections become.

#define BOOST_TEST_DYN_LINK
#include "kernel/config/model.hpp"

#include <boost/test/unit_test.hpp>

#include "kernel/config/load.hpp"
#include "kernel/config/render.hpp"
#include "tests/unit/config/fake_plugins.hpp"

using namespace pkernel::config;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<const model> loaded(const std::string& text) {
    testing::fake_plugins plugins;
    testing::fake_outside outside;
    outside.files["/conf/a.yaml"] = text;
    diagnostics out;
    auto m = load("a.yaml", plugins, outside, out);
    BOOST_REQUIRE_MESSAGE(m != nullptr, to_text(out, false));
    return m;
}

const std::string base =
    "listeners: [ { name: web, address: \":80\" } ]\n"
    "upstreams: { app: { endpoints: [ \"127.0.0.1:3000\" ] } }\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(models)

BOOST_AUTO_TEST_CASE(defaults_are_those_of_the_specification) {
    const auto m = loaded(base + "routes: [ { forward: app } ]");
    const listener& l = m->listeners[0];
    BOOST_TEST((l.address.kind == address_kind::any));
    BOOST_TEST(l.address.port == 80);
    BOOST_TEST((l.timeouts.head == 10s && l.timeouts.handshake == 10s));
    BOOST_TEST((l.timeouts.body_stall == 30s && l.timeouts.client_idle == 75s));
    BOOST_TEST((l.timeouts.write_stall == 30s && l.timeouts.linger == 2s));
    BOOST_TEST((l.timeouts.tunnel_idle == 1h));
    BOOST_TEST(l.limits.request_line == 8192u);
    BOOST_TEST(l.limits.field == 16384u);
    BOOST_TEST(l.limits.head == 32768u);
    BOOST_TEST(l.limits.fields == 100u);
    BOOST_TEST(l.limits.connections == 0u);
    BOOST_TEST(l.codecs.size() == 1u);
    BOOST_TEST(l.codecs[0]->built_in);
    BOOST_TEST(l.codecs[0]->name == "http1");
    const upstream& u = m->upstreams[0];
    BOOST_TEST((u.timeouts.connect == 3s && u.timeouts.send == 60s && u.timeouts.response == 60s));
    BOOST_TEST((u.timeouts.stall == 60s && u.timeouts.idle == 60s));
    BOOST_TEST(u.limits.response_head == 65536u);
    BOOST_TEST(u.limits.response_fields == 200u);
    BOOST_TEST(u.limits.informational == 32u);
    BOOST_TEST(u.idle_per_endpoint_max == 512u);
    BOOST_TEST(u.idle_total_max == 4096u);
    BOOST_TEST(u.via);
    BOOST_TEST(u.endpoints[0].weight == 1u);
    BOOST_TEST(m->routes[0].limits.request_body == 100u << 20);
    BOOST_TEST(m->routes[0].limits.request_body_at.line == 0u);
    BOOST_TEST(m->routes[0].limits.collect == 1u << 20);
    BOOST_TEST(!m->routes[0].timeouts.response);
    BOOST_TEST(!m->workers);
}

BOOST_AUTO_TEST_CASE(defaults_come_first_in_the_chain_and_yield_otherwise) {
    const auto m = loaded(base +
                          "defaults:\n"
                          "  filters: [ limiter: 1/s ]\n"
                          "  forward: app\n"
                          "  logs: [ tally ]\n"
                          "  timeouts: { response: 5s, stall: 6s }\n"
                          "  limits: { request_body: 1MiB }\n"
                          "routes:\n"
                          "  - { name: a, filters: [ plain ] }\n"
                          "  - { name: b, handler: { static_site: w }, logs: [],\n"
                          "      timeouts: { response: 1s }, limits: { request_body: 2MiB } }\n");
    const route& a = m->routes[0];
    const route& b = m->routes[1];
    BOOST_REQUIRE(a.filters.size() == 2u);
    BOOST_TEST(a.filters[0]->name == "limiter");
    BOOST_TEST(a.filters[0]->owner == "defaults");
    BOOST_TEST(a.filters[0].get() == b.filters[0].get());
    BOOST_TEST(a.filters[1]->owner == "route a");
    BOOST_TEST(a.forward.value() == 0u);
    BOOST_TEST(!b.forward);
    BOOST_TEST(b.handler->name == "static_site");
    BOOST_TEST(a.logs.size() == 1u);
    BOOST_TEST(b.logs.empty());
    BOOST_TEST((*a.timeouts.response == 5s && *b.timeouts.response == 1s));
    BOOST_TEST((*b.timeouts.stall == 6s));
    BOOST_TEST(a.limits.request_body == 1u << 20);
    BOOST_TEST(b.limits.request_body == 2u << 20);
    BOOST_TEST(b.limits.request_body_at.line == 12u);
}

BOOST_AUTO_TEST_CASE(equal_uses_in_one_place_are_told_apart) {
    const auto m = loaded(base +
                          "routes:\n"
                          "  - { forward: app, filters: [ plain, plain ] }\n"
                          "  - { forward: app, filters: [ plain ] }\n");
    BOOST_TEST(m->routes[0].filters[0]->ordinal == 0u);
    BOOST_TEST(m->routes[0].filters[1]->ordinal == 1u);
    BOOST_TEST(m->routes[1].filters[0]->ordinal == 2u);
    BOOST_TEST(m->routes[1].filters[0]->owner == "route any");
    BOOST_TEST(!same_instance(*m->routes[0].filters[0], *m->routes[0].filters[1]));
}

BOOST_AUTO_TEST_CASE(matches) {
    const auto m =
        loaded(base +
               "routes:\n"
               "  - match: { listener: web, host: [ B.com, \"*.a.com\" ], path: /api/,\n"
               "             method: PUT, header: { X-A: \"1\", X-B: { present: false } },\n"
               "             query: { q: { present: true } } }\n"
               "    forward: app\n"
               "  - { match: { path: { exact: /x } }, forward: app }\n");
    const match& x = m->routes[0].match;
    BOOST_TEST(x.listener.value() == "web");
    BOOST_TEST(x.hosts[0].text == "b.com");
    BOOST_TEST(x.hosts[1].text == "a.com");
    BOOST_TEST(x.hosts[1].suffix);
    BOOST_TEST((x.path_is == path_kind::prefix));
    BOOST_TEST(x.path == "/api/");
    BOOST_TEST(x.methods[0] == "PUT");
    BOOST_TEST(x.headers[0].name == "x-a");
    BOOST_TEST(x.headers[0].value.value() == "1");
    BOOST_TEST(!x.headers[1].present);
    BOOST_TEST(x.query[0].present);
    BOOST_TEST(x.canonical ==
               "listener[web] host[*.a.com] host[b.com] path[/api/] method[PUT] header[x-a=1] "
               "header[x-b!] query[q]");
    BOOST_TEST((m->routes[1].match.path_is == path_kind::exact));
    BOOST_TEST(m->routes[1].label == "#2");
}

BOOST_AUTO_TEST_CASE(endpoints) {
    const auto m = loaded(
        "listeners: [ \"[::1]:0\", \"unix:/run/l\" ]\n"
        "upstreams:\n"
        "  app:\n"
        "    balancer: robin\n"
        "    host: internal.example\n"
        "    via: off\n"
        "    endpoints: [ \"[0::1]:80\", App.Internal:81, { address: \"unix:/run/app\", weight: "
        "3,\n"
        "                 backup: true, max_connections: 7, state: drain } ]\n"
        "routes: [ { forward: app } ]\n");
    const upstream& u = m->upstreams[0];
    BOOST_TEST(u.endpoints[0].address.text == "[::1]:80");
    BOOST_TEST((u.endpoints[1].address.kind == address_kind::name));
    BOOST_TEST(u.endpoints[1].address.host == "app.internal");
    BOOST_TEST((u.endpoints[2].address.kind == address_kind::unix_socket));
    BOOST_TEST(u.endpoints[2].address.host == "/run/app");
    BOOST_TEST(u.endpoints[2].weight == 3u);
    BOOST_TEST(u.endpoints[2].backup);
    BOOST_TEST(u.endpoints[2].connections_max == 7u);
    BOOST_TEST((u.endpoints[2].state == endpoint_state::drain));
    BOOST_TEST(u.host.value() == "internal.example");
    BOOST_TEST(!u.via);
    BOOST_TEST(m->listeners[0].name == "[::1]:0");
    BOOST_TEST(m->listeners[1].address.host == "/run/l");
}

BOOST_AUTO_TEST_CASE(the_same_content_has_the_same_identity) {
    const auto a = loaded(base + "routes: [ { forward: app } ]");
    const auto b = loaded("# moved\n" + base + "routes:\n  - forward: app\n");
    const auto c = loaded(base + "routes: [ { forward: app, filters: [ plain ] } ]");
    BOOST_TEST((a->identity == b->identity));
    BOOST_TEST((a->identity != c->identity));
}

// libfyaml counts them as ends of lines, the texts of errors do not: there is no such line.
BOOST_AUTO_TEST_CASE(an_expansion_behind_lone_carriage_returns_has_its_error) {
    testing::fake_plugins plugins;
    testing::fake_outside outside;
    outside.files["/conf/a.yaml"] = "\r\r\rlisteners: [ { address: \":${env:NOT_SET}\" } ]\n";
    diagnostics out;
    BOOST_TEST(load("a.yaml", plugins, outside, out) == nullptr);
    BOOST_TEST(to_text(out, false).find("'NOT_SET' is not set") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

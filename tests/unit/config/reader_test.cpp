// The values that plugins get, walked as a plugin walks them: through pk_node alone.

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#include "kernel/config/load.hpp"
#include "kernel/config/render.hpp"
#include "tests/unit/config/fake_plugins.hpp"

using namespace pkernel::config;

namespace {

struct world {
    testing::fake_plugins plugins;
    testing::fake_outside outside;
    diagnostics out;

    std::shared_ptr<const model> load(const std::string& filters) {
        outside.files["/conf/a.yaml"] =
            "listeners: [ \":80\" ]\nroutes:\n  - handler: { static_site: www }\n    filters: " +
            filters + "\n";
        auto loaded = pkernel::config::load("a.yaml", plugins, outside, out);
        BOOST_TEST(loaded != nullptr, to_text(out, false));
        return loaded;
    }
};

const pk_node& at(const pk_node& n, std::uint32_t i) {
    const auto* bytes = reinterpret_cast<const char*>(n.first) + std::size_t{i} * n.stride;
    return *reinterpret_cast<const pk_node*>(bytes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reader)

BOOST_AUTO_TEST_CASE(children_stand_in_the_order_of_the_table) {
    world w;
    const auto m = w.load("[ limiter: { memory: 2MiB, rate: 5/10s, except: [ 10.0.0.0/8 ] } ]");
    const pk_node& o = *m->routes[0].filters[0]->options;
    BOOST_TEST(o.type == std::uint32_t{PK_OPT_TABLE});
    BOOST_TEST(o.count == 6u);
    BOOST_TEST(at(o, 0).type == std::uint32_t{PK_OPT_RATE});
    BOOST_TEST(at(o, 0).integer == 5);
    BOOST_TEST(at(o, 0).period == 10'000'000'000);
    BOOST_TEST(at(o, 0).flags == std::uint32_t{PK_NODE_GIVEN});
    BOOST_TEST(at(o, 0).line == 4u);
    BOOST_TEST(view(at(o, 0).file) == "a.yaml");
    BOOST_TEST(at(o, 3).integer == 2 << 20);
    const pk_node& except = at(o, 5);
    BOOST_TEST(except.count == 1u);
    BOOST_TEST(at(except, 0).address.prefix == 8u);
    BOOST_TEST(view(at(except, 0).text) == "10.0.0.0/8");
}

BOOST_AUTO_TEST_CASE(defaults_are_filled_in_and_the_rest_is_absent) {
    world w;
    const auto m = w.load("[ limiter: 1/s ]");
    const pk_node& o = *m->routes[0].filters[0]->options;
    BOOST_TEST(at(o, 1).integer == 10);
    BOOST_TEST(at(o, 1).flags == 0u);
    BOOST_TEST(view(at(o, 2).text) == "client_ip");
    BOOST_TEST(view(at(o, 4).text) == "calm");
    BOOST_TEST(at(o, 4).integer == 0);
    BOOST_TEST(at(o, 5).type == std::uint32_t{PK_OPT_NONE});
    const pk_node& site = *m->routes[0].handler->options;
    BOOST_TEST(view(at(site, 0).text) == "/conf/www");
    BOOST_TEST(at(at(site, 4), 0).integer == std::int64_t{30} * 86400 * 1'000'000'000);
    BOOST_TEST(view(at(at(site, 5), 0).text) == "index.html");
}

BOOST_AUTO_TEST_CASE(a_file_is_its_bytes) {
    world w;
    w.outside.files["/conf/tls/key.pem"] = std::string("key\0\xff", 5);
    const auto m = w.load("[ sealed: { key: tls/../tls/key.pem } ]");
    const pk_node& key = at(*m->routes[0].filters[0]->options, 0);
    BOOST_TEST(view(key.text) == std::string_view("key\0\xff", 5));
    BOOST_TEST(view(key.path) == "/conf/tls/key.pem");
}

BOOST_AUTO_TEST_CASE(inner_plugins_belong_to_their_outer_one) {
    world w;
    const auto m = w.load("[ outer: { chain: [ limiter: 1/s, plain ] } ]");
    const plugin_use& outer = *m->routes[0].filters[0];
    BOOST_REQUIRE(outer.inner.size() == 3u);
    BOOST_TEST(outer.inner[0].use->name == "robin");
    BOOST_TEST(outer.inner[1].use->name == "limiter");
    BOOST_TEST(outer.inner[1].use->point == "pk.http_filter/1");
    BOOST_TEST(outer.inner[1].node == &at(at(*outer.options, 1), 0));
    BOOST_TEST(outer.inner[1].node->type == std::uint32_t{PK_OPT_PLUGIN});
    BOOST_TEST(outer.inner[1].use->owner == "route any / outer#0");
    BOOST_TEST(m->uses.size() == 3u);  // The codec, the outer filter, the handler.
}

BOOST_AUTO_TEST_CASE(the_catalog_is_asked_once_for_each_name) {
    world w;
    w.load("[ limiter: 1/s, limiter: 2/s ]");
    BOOST_TEST(w.plugins.asked == (std::vector<std::string>{"limiter@pk.http_filter/1",
                                                            "static_site@pk.handler/1"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(identity_is_content_and_not_spelling) {
    const auto identity = [](const std::string& filters, const std::string& key = "k") {
        world w;
        w.outside.files["/conf/k"] = key;
        w.outside.variables["R"] = "1/s";
        return w.load(filters)->routes[0].filters[0]->identity;
    };
    const auto base = identity("[ limiter: 1/s ]");
    BOOST_TEST((base == identity("[ limiter: { burst: 10, rate: 1/s } ]")));
    BOOST_TEST((base == identity("\n      - limiter: \"${env:R}\"")));
    BOOST_TEST((base != identity("[ limiter: 2/s ]")));
    BOOST_TEST((base != identity("[ limiter: 1/m ]")));
    BOOST_TEST((identity("[ sealed: { key: k } ]") == identity("[ sealed: { key: ./k } ]")));
    BOOST_TEST((identity("[ sealed: { key: k } ]") != identity("[ sealed: { key: k } ]", "new")));
}

BOOST_AUTO_TEST_SUITE_END()

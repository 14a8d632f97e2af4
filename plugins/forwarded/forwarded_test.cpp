// What the origin sees of who asked, for trusted and untrusted peers (F6, S25).

#include <boost/test/unit_test.hpp>
#include <pkernel/address.hpp>
#include <pkernel/testing.hpp>

using pk::testing::plugin_under_test;
using pk::testing::request_spec;

namespace {

constexpr const char* every =
    "send: [x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-forwarded-port, "
    "x-forwarded-prefix, x-real-ip, forwarded]";

request_spec from(const std::string& peer, const std::string& fields) {
    request_spec spec;
    spec.peer = peer;
    spec.fields = fields;
    return spec;
}

// One line of a table: who connects, what it claims, what the origin must see.
struct row {
    const char* what;
    const char* options;
    const char* peer;
    const char* claims;
    const char* client;
    const char* list;
};

void check(const row& r) {
    BOOST_TEST_CONTEXT(r.what) {
        plugin_under_test plugin(r.options);
        auto ex = plugin.send(from(r.peer, r.claims));
        BOOST_TEST(ex.head().passes());
        BOOST_TEST(ex.request_field("x-forwarded-for") == r.list);
        BOOST_TEST(ex.request_field("x-real-ip") == r.client);
        BOOST_TEST(pk::ip_text(ex.request().client).view() == r.client);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(forwarded)

BOOST_AUTO_TEST_CASE(says_who_asked_and_how) {
    plugin_under_test plugin;
    auto ex = plugin.get();
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.request_field("x-forwarded-for") == "192.0.2.1");
    BOOST_TEST(ex.request_field("x-forwarded-proto") == "http");
    BOOST_TEST(ex.request_field("x-forwarded-host") == "example.test");
    BOOST_TEST(ex.request_field("x-real-ip") == "192.0.2.1");
    BOOST_TEST(ex.request_field("x-forwarded-port") == "");
    BOOST_TEST(ex.request_field("forwarded") == "");
}

BOOST_AUTO_TEST_CASE(replaces_every_spelling_of_an_untrusted_claim) {
    plugin_under_test plugin;
    for (const char* claim :
         {"X-Forwarded-For: 1.2.3.4", "x_forwarded_for: 1.2.3.4", "X-FORWARDED_FOR: 1.2.3.4",
          "X-Real-IP: 1.2.3.4", "X_Real-Ip: 1.2.3.4", "Forwarded: for=1.2.3.4",
          "X-Forwarded-Prefix: /admin", "X_Forwarded_Proto: https", "X-Forwarded-Host: evil",
          "X-Forwarded-Port: 1", "X-Forwarded-For: 1.2.3.4\nx-forwarded-for: 5.6.7.8"}) {
        BOOST_TEST_CONTEXT(claim) {
            auto ex = plugin.get("/", claim);
            BOOST_TEST(ex.head().passes());
            BOOST_TEST(ex.request_field("x-forwarded-for") == "192.0.2.1");
            BOOST_TEST(ex.request_field("x-real-ip") == "192.0.2.1");
            BOOST_TEST(ex.request_field("x-forwarded-proto") == "http");
            BOOST_TEST(ex.request_field("x-forwarded-host") == "example.test");
            BOOST_TEST(ex.request_field("x-forwarded-prefix") == "");
            BOOST_TEST(ex.request_field("x-forwarded-port") == "");
            BOOST_TEST(ex.request_field("forwarded") == "");
            BOOST_TEST(ex.request_field("x_forwarded_for") == "");
            BOOST_TEST(ex.request_field("x_forwarded_proto") == "");
            BOOST_TEST(pk::ip_text(ex.request().client).view() == "192.0.2.1");
        }
    }
}

BOOST_AUTO_TEST_CASE(finds_the_rightmost_untrusted_address) {
    const char* ours = "trusted_proxies: [10.0.0.0/8, \"fd00::/8\"]";
    const char* peer = "10.0.0.9:7";
    const row table[] = {
        {"not trusted by default", "", peer, "X-Forwarded-For: 1.2.3.4", "10.0.0.9", "10.0.0.9"},
        {"no claim", ours, peer, "", "10.0.0.9", "10.0.0.9"},
        {"one", ours, peer, "X-Forwarded-For: 1.2.3.4", "1.2.3.4", "1.2.3.4, 10.0.0.9"},
        {"a forged one on the left", ours, peer, "X-Forwarded-For: 9.9.9.9, 1.2.3.4", "1.2.3.4",
         "9.9.9.9, 1.2.3.4, 10.0.0.9"},
        {"a proxy of ours between", ours, peer, "X-Forwarded-For: 1.2.3.4, 10.0.0.3", "1.2.3.4",
         "1.2.3.4, 10.0.0.3, 10.0.0.9"},
        {"all are ours", ours, peer, "X-Forwarded-For: 10.0.0.1, 10.0.0.2", "10.0.0.1",
         "10.0.0.1, 10.0.0.2, 10.0.0.9"},
        {"two fields are one list", ours, peer,
         "X-Forwarded-For: 9.9.9.9\nX-Forwarded-For: 1.2.3.4, 10.0.0.3", "1.2.3.4",
         "9.9.9.9, 1.2.3.4, 10.0.0.3, 10.0.0.9"},
        {"more fields than are kept", ours, peer,
         "X-Forwarded-For: 1\nX-Forwarded-For: 2\nX-Forwarded-For: 3\nX-Forwarded-For: 4\n"
         "X-Forwarded-For: 5\nX-Forwarded-For: 6\nX-Forwarded-For: 7\nX-Forwarded-For: 8\n"
         "X-Forwarded-For: 9\nX-Forwarded-For: 10\nX-Forwarded-For: 11\nX-Forwarded-For: 12\n"
         "X-Forwarded-For: 13\nX-Forwarded-For: 14\nX-Forwarded-For: 9.9.9.9\n"
         "X-Forwarded-For: 8.8.8.8\nX-Forwarded-For: 1.2.3.4",
         "1.2.3.4", "9.9.9.9, 8.8.8.8, 1.2.3.4, 10.0.0.9"},
        {"a field of nothing", ours, peer, "X-Forwarded-For: 1.2.3.4\nX-Forwarded-For:", "1.2.3.4",
         "1.2.3.4, 10.0.0.9"},
        {"words left of the answer", ours, peer, "X-Forwarded-For: unknown, 1.2.3.4", "1.2.3.4",
         "1.2.3.4, 10.0.0.9"},
        {"words where the answer should be", ours, peer, "X-Forwarded-For: 1.2.3.4, unknown",
         "10.0.0.9", "10.0.0.9"},
        {"empty elements", ours, peer, "X-Forwarded-For: ,,1.2.3.4", "1.2.3.4",
         "1.2.3.4, 10.0.0.9"},
        {"ends with a comma", ours, peer, "X-Forwarded-For: 1.2.3.4,", "10.0.0.9", "10.0.0.9"},
        {"numbers out of range", ours, peer, "X-Forwarded-For: 1.2.3.400", "10.0.0.9", "10.0.0.9"},
        {"with a port", ours, peer, "X-Forwarded-For: 1.2.3.4:55", "1.2.3.4", "1.2.3.4, 10.0.0.9"},
        {"IPv6", ours, peer, "X-Forwarded-For: 2001:db8::1", "2001:db8::1",
         "2001:db8::1, 10.0.0.9"},
        {"IPv6 with a port", ours, peer, "X-Forwarded-For: [2001:db8::1]:9", "2001:db8::1",
         "2001:db8::1, 10.0.0.9"},
        {"IPv6 peer of ours", ours, "[fd00::5]:7", "X-Forwarded-For: 1.2.3.4", "1.2.3.4",
         "1.2.3.4, fd00::5"},
        {"IPv6 peer of nobody", ours, "[2001:db8::5]:7", "X-Forwarded-For: 1.2.3.4", "2001:db8::5",
         "2001:db8::5"},
        {"IPv4 on a dual-stack socket", ours, "[::ffff:10.0.0.9]:7", "X-Forwarded-For: 1.2.3.4",
         "1.2.3.4", "1.2.3.4, 10.0.0.9"},
        {"a network that only looks alike", "trusted_proxies: [10.0.0.0/9]", "10.128.0.1:7",
         "X-Forwarded-For: 1.2.3.4", "10.128.0.1", "10.128.0.1"},
        {"the bare list", "[10.0.0.9]", peer, "X-Forwarded-For: 1.2.3.4", "1.2.3.4",
         "1.2.3.4, 10.0.0.9"},
    };
    for (const row& r : table) check(r);
}

BOOST_AUTO_TEST_CASE(a_long_list_is_cut_on_the_left) {
    plugin_under_test plugin("trusted_proxies: [10.0.0.0/8]");
    std::string list = "X-Forwarded-For: ";
    for (int i = 0; i < 1000; ++i) list += "9.9.9.9, ";
    auto ex = plugin.send(from("10.0.0.9:7", list + "1.2.3.4"));
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.request_field("x-real-ip") == "1.2.3.4");
    BOOST_TEST(ex.request_field("x-forwarded-for").ends_with("9.9.9.9, 1.2.3.4, 10.0.0.9"));
    BOOST_TEST(ex.request_field("x-forwarded-for").size() < 400);
}

BOOST_AUTO_TEST_CASE(reads_forwarded_where_that_is_what_the_proxies_send) {
    const char* ours = "trusted_proxies: [10.0.0.0/8], read: forwarded";
    const char* peer = "10.0.0.9:7";
    const row table[] = {
        {"one", ours, peer, "Forwarded: for=1.2.3.4", "1.2.3.4", "1.2.3.4, 10.0.0.9"},
        {"case, parameters", ours, peer, "Forwarded: proto=https;For=1.2.3.4;host=a", "1.2.3.4",
         "1.2.3.4, 10.0.0.9"},
        {"IPv6", ours, peer, "Forwarded: for=\"[2001:db8::1]:99\"", "2001:db8::1",
         "2001:db8::1, 10.0.0.9"},
        {"the other list counts for nothing", ours, peer, "X-Forwarded-For: 9.9.9.9", "10.0.0.9",
         "10.0.0.9"},
        {"a comma inside quotes", ours, peer, "Forwarded: for=1.2.3.4;host=\"a, for=9.9.9.9\"",
         "1.2.3.4", "1.2.3.4, 10.0.0.9"},
        {"many commas inside quotes", ours, peer,
         "Forwarded: for=9.9.9.9, for=1.2.3.4;host=\"a,b,c,d,e,f,g,h,i,j,k,l, for=10.0.0.1\"",
         "1.2.3.4", "9.9.9.9, 1.2.3.4, 10.0.0.9"},
        {"a quote that a stranger left open", ours, peer, "Forwarded: for=\"9.9.9.9, for=1.2.3.4",
         "1.2.3.4", "1.2.3.4, 10.0.0.9"},
        {"hidden", ours, peer, "Forwarded: for=1.2.3.4, for=_hidden", "10.0.0.9", "10.0.0.9"},
        {"not pairs", ours, peer, "Forwarded: 1.2.3.4", "10.0.0.9", "10.0.0.9"},
        {"for twice", ours, peer, "Forwarded: for=1.2.3.4;for=9.9.9.9", "10.0.0.9", "10.0.0.9"},
        {"escapes", ours, peer, "Forwarded: for=1.2.3.4;x=\"a\\\"b\"", "1.2.3.4",
         "1.2.3.4, 10.0.0.9"},
        {"an escape at the end", ours, peer, "Forwarded: for=1.2.3.4;x=\"a\\", "10.0.0.9",
         "10.0.0.9"},
    };
    for (const row& r : table) check(r);
}

BOOST_AUTO_TEST_CASE(writes_forwarded_with_what_needs_quotes_quoted) {
    plugin_under_test plugin(std::string("trusted_proxies: [10.0.0.0/8], ") + every);
    auto v4 = plugin.get();
    v4.head();
    BOOST_TEST(v4.request_field("forwarded") == "for=192.0.2.1;proto=http;host=example.test");
    BOOST_TEST(v4.request_field("x-forwarded-port") == "8080");

    request_spec spec = from("[2001:db8::1]:5", "");
    spec.authority = "example.test:8443";
    spec.secure = true;
    auto v6 = plugin.send(spec);
    v6.head();
    BOOST_TEST(v6.request_field("forwarded") ==
               "for=\"[2001:db8::1]\";proto=https;host=\"example.test:8443\"");

    auto chained = plugin.send(from("10.0.0.9:7", "X-Forwarded-For: 2001:db8::2, 1.2.3.4"));
    chained.head();
    BOOST_TEST(chained.request_field("forwarded") ==
               "for=\"[2001:db8::2]\", for=1.2.3.4, for=10.0.0.9;proto=http;host=example.test");
}

BOOST_AUTO_TEST_CASE(believes_well_formed_claims_of_a_trusted_peer_only) {
    plugin_under_test plugin(std::string("trusted_proxies: [10.0.0.0/8], ") + every);
    auto ex = plugin.send(from("10.0.0.9:7",
                               "X-Forwarded-Proto: https\nX-Forwarded-Host: shop.test\n"
                               "X-Forwarded-Port: 443\nX-Forwarded-Prefix: /shop"));
    ex.head();
    BOOST_TEST(ex.request_field("x-forwarded-proto") == "https");
    BOOST_TEST(ex.request_field("x-forwarded-host") == "shop.test");
    BOOST_TEST(ex.request_field("x-forwarded-port") == "443");
    BOOST_TEST(ex.request_field("x-forwarded-prefix") == "/shop");

    auto odd = plugin.send(from("10.0.0.9:7",
                                "X-Forwarded-Proto: javascript\nX-Forwarded-Host: a b\n"
                                "X-Forwarded-Port: 99999\nX-Forwarded-Prefix: //evil"));
    odd.head();
    BOOST_TEST(odd.request_field("x-forwarded-proto") == "http");
    BOOST_TEST(odd.request_field("x-forwarded-host") == "example.test");
    BOOST_TEST(odd.request_field("x-forwarded-port") == "8080");
    BOOST_TEST(odd.request_field("x-forwarded-prefix") == "");
}

BOOST_AUTO_TEST_CASE(a_unix_peer_has_no_address) {
    plugin_under_test plugin;
    auto ex = plugin.send(from("unix", "X-Forwarded-For: 1.2.3.4"));
    BOOST_TEST(ex.head().passes());
    BOOST_TEST(ex.request_field("x-forwarded-for") == "unknown");
    BOOST_TEST(ex.request_field("x-real-ip") == "");

    plugin_under_test trusting("trust_unix: true");
    auto told = trusting.send(from("unix", "X-Forwarded-For: 1.2.3.4"));
    told.head();
    BOOST_TEST(told.request_field("x-real-ip") == "1.2.3.4");
}

BOOST_AUTO_TEST_CASE(sends_only_what_is_asked_for) {
    plugin_under_test plugin("send: [forwarded]");
    auto ex = plugin.get("/", "X-Real-IP: 1.2.3.4");
    ex.head();
    BOOST_TEST(ex.request_field("x-forwarded-for") == "");
    BOOST_TEST(ex.request_field("x-real-ip") == "");
    BOOST_TEST(!ex.request_field("forwarded").empty());
}

BOOST_AUTO_TEST_CASE(answers_431_when_there_is_no_room_for_its_fields) {
    std::string fields;
    for (int i = 0; i < 99; ++i) fields += "x-n" + std::to_string(i) + ": 1\n";
    plugin_under_test plugin;
    BOOST_TEST(plugin.get("/", fields).head().status() == 431);
}

BOOST_AUTO_TEST_CASE(allocates_nothing_per_request) {
    plugin_under_test plugin(std::string("trusted_proxies: [10.0.0.0/8], ") + every);
    auto ex = plugin.send(from("10.0.0.9:7", "X-Forwarded-For: 9.9.9.9, 2001:db8::1, 10.0.0.1"));
    plugin_under_test::allocations();
    ex.head();
    BOOST_TEST(plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_its_options) {
    BOOST_TEST(plugin_under_test::load_error("trusted_proxies: [10.0.0.0/33]") ==
               "trusted_proxies: the prefix is too long");
    BOOST_TEST(plugin_under_test::load_error("read: x-real-ip") ==
               "read: 'x-real-ip' is none of x-forwarded-for, forwarded");
    BOOST_TEST(plugin_under_test::load_error("trust: []") == "unknown option 'trust'");
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

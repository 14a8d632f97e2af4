// What the config may say, and what is said of a wrong one, at the option that is to blame.

#include <boost/test/unit_test.hpp>

#include "test_peer.hpp"

using namespace tls::testing;
using pk::testing::transport_under_test;

namespace {

struct files : folder {
    identity root = make({.subject = "root", .ca = true});
    identity middle = make({.subject = "middle", .ca = true}, &root);
    identity leaf = make({.subject = "leaf", .names = "DNS:a.test"}, &middle);

    std::string error(const std::string& cert, const std::string& key,
                      const std::string& more = {}) {
        return transport_under_test::load_error("certificates: [ { cert: " + put("c.pem", cert) +
                                                ", key: " + put("k.pem", key) + " } ]" + more);
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_load, files)

BOOST_AUTO_TEST_CASE(a_chain_in_order_is_good) {
    BOOST_TEST(error(leaf.cert_pem() + middle.cert_pem(), leaf.key_pem()) == "");
    BOOST_TEST(error(leaf.cert_pem() + middle.cert_pem() + root.cert_pem(), leaf.key_pem()) == "");
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_a_certificate) {
    const struct {
        std::string cert, key, says;
    } table[] = {
        {"", leaf.key_pem(), "certificates.cert: '"},
        {"", leaf.key_pem(), "holds no PEM certificate"},
        {"hello\n", leaf.key_pem(), "holds no PEM certificate"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", leaf.key_pem(),
         "certificate 1 is damaged"},
        {leaf.cert_pem().substr(0, 200), leaf.key_pem(), "certificate 1 is damaged"},
        {middle.cert_pem() + leaf.cert_pem(), leaf.key_pem(), "the key belongs to certificate 2"},
        {leaf.cert_pem() + root.cert_pem() + middle.cert_pem(), leaf.key_pem(),
         "certificate 2 (/CN=root) did not sign the one before it; needed is /CN=middle"},
        {leaf.cert_pem(), middle.key_pem(), "certificates.key: '"},
        {leaf.cert_pem(), middle.key_pem(), "is not the key of the certificate in"},
        {leaf.cert_pem(), "", "holds no PEM private key"},
        {leaf.cert_pem(), leaf.cert_pem(), "holds no PEM private key"},
        {leaf.cert_pem(), leaf.locked_key_pem(), "needs a passphrase"},
    };
    for (const auto& row : table) {
        const std::string said = error(row.cert, row.key);
        BOOST_TEST(has(said, row.says), "'" << said << "' should say '" << row.says << "'");
    }
}

BOOST_AUTO_TEST_CASE(never_shows_a_key) {
    const std::string key = leaf.key_pem();
    const std::string said = error(leaf.cert_pem(), key.substr(0, key.size() - 60));
    BOOST_TEST(has(said, "holds no PEM private key"));
    BOOST_TEST(!has(said, key.substr(40, 20)));
}

BOOST_AUTO_TEST_CASE(warns_of_dates) {
    const identity old = make({.subject = "old", .names = "DNS:o.test", .from = -99, .until = -9});
    const identity young = make({.subject = "young", .names = "DNS:y.test", .from = 3000});
    transport_under_test t("certificates: [ {" + pair("old", old) + "}, {" + pair("young", young) +
                           "} ]");
    const auto warnings = t.host().warnings;
    BOOST_REQUIRE(warnings.size() == 2u);
    BOOST_TEST(has(warnings[0], "certificates.cert: the certificate of /CN=old expired on 20"));
    BOOST_TEST(has(warnings[1], "the certificate of /CN=young is not valid before 20"));
}

BOOST_AUTO_TEST_CASE(warns_of_a_host_that_the_certificate_is_not_for) {
    transport_under_test t("certificates: [ {" + pair("a", leaf) + ", hosts: [ b.test ] } ]");
    BOOST_REQUIRE(t.host().warnings.size() == 1u);
    BOOST_TEST(has(t.host().warnings[0], "not valid for 'b.test'"));
}

// S23: whoever asks for certificates of clients and cannot judge them does not start.
BOOST_AUTO_TEST_CASE(a_policy_without_a_good_ca_is_refused) {
    const std::string chain = leaf.cert_pem() + middle.cert_pem();
    const auto said = [&](const std::string& policy) {
        return error(chain, leaf.key_pem(), ", client_certificates: {" + policy + "}");
    };
    BOOST_TEST(has(said("mode: required"), "`ca` must say who signs them"));
    BOOST_TEST(has(said("mode: optional"), "`ca` must say who signs them"));
    BOOST_TEST(has(said("mode: required, ca: " + put("empty.pem", "")), "holds no PEM cert"));
    BOOST_TEST(has(said("mode: required, ca: " + put("bad.pem", "x")), "holds no PEM cert"));
    BOOST_TEST(has(said("mode: required, ca: /nowhere/ca.pem"), "/nowhere/ca.pem"));
    BOOST_TEST(said("mode: required, ca: " + put("ca.pem", root.cert_pem())) == "");
}

BOOST_AUTO_TEST_CASE(a_listener_needs_a_certificate_and_an_upstream_has_one_at_most) {
    BOOST_TEST(transport_under_test::load_error("min_version: \"1.3\"") ==
               "certificates: a listener needs a certificate");
    const std::string two =
        "certificates: [ {" + pair("a", leaf) + "}, {" + pair("b", leaf) + "} ]";
    BOOST_TEST(transport_under_test::load_error(two, {.side = PK_SIDE_CONNECT}) ==
               "certificates: an upstream shows at most one certificate");
}

BOOST_AUTO_TEST_CASE(suites_and_curves_are_checked) {
    const std::string chain = leaf.cert_pem() + middle.cert_pem();
    const auto said = [&](const std::string& more) {
        return error(chain, leaf.key_pem(), ", " + more);
    };
    BOOST_TEST(has(said("ciphers: [ AES128-GCM-SHA256 ]"), "is not a suite with ECDHE"));
    BOOST_TEST(has(said("ciphers: [ \"ECDHE-RSA-AES128-GCM-SHA256:ALL\" ]"), "is not a suite"));
    BOOST_TEST(has(said("ciphers: [ ECDHE-RSA-AES128-SHA ]"), "has no AEAD"));
    BOOST_TEST(said("ciphers: [ ECDHE-ECDSA-AES128-GCM-SHA256 ]") == "");
    BOOST_TEST(has(said("curves: [ X448x ]"), "is not a known group"));
    BOOST_TEST(said("curves: [ P-256, X25519 ]") == "");
}

BOOST_AUTO_TEST_CASE(ticket_keys_have_80_bytes) {
    const std::string chain = leaf.cert_pem() + middle.cert_pem();
    const auto said = [&](std::size_t size) {
        return error(
            chain, leaf.key_pem(),
            ", session_tickets: { keys: [ " + put("t.key", std::string(size, 'k')) + " ] }");
    };
    BOOST_TEST(said(80) == "");
    BOOST_TEST(has(said(48), "has 48 bytes; a ticket key has 80: openssl rand 80"));
}

BOOST_AUTO_TEST_CASE(an_ocsp_answer_must_be_one) {
    const std::string options =
        "certificates: [ {" + pair("a", leaf) + ", ocsp: " + put("o.der", "no") + " } ]";
    BOOST_TEST(has(transport_under_test::load_error(options), "is not an OCSP answer in DER"));
}

BOOST_AUTO_TEST_CASE(one_that_nobody_would_be_shown_is_an_error) {
    const identity address = make({.subject = "a printer", .names = "IP:192.0.2.1"});
    const std::string first = "certificates: [ {" + pair("a", leaf) + "}, {";
    BOOST_TEST(has(transport_under_test::load_error(first + pair("p", address) + "} ]"),
                   "bears no host name that it could be chosen by"));
    BOOST_TEST(transport_under_test::load_error("certificates: [ {" + pair("p", address) + "} ]") ==
               "");
    BOOST_TEST(transport_under_test::load_error(first + pair("p", address) +
                                                ", hosts: [ printer.test ] } ]") == "");
}

// One out of date is not stapled: there are browsers that would not go on.
BOOST_AUTO_TEST_CASE(an_ocsp_answer_is_stapled_while_it_holds) {
    for (const long until : {3600L, -10L}) {
        transport_under_test t("certificates: [ {" + pair("a", leaf, middle.cert_pem()) +
                               ", ocsp: " + put("o.der", ocsp_answer(leaf, middle, until)) +
                               " } ]");
        const auto c = t.open();
        peer p(c->peer_fd(), {.sni = "a.test", .ask_status = true});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        const unsigned char* answer = nullptr;
        BOOST_TEST((SSL_get_tlsext_status_ocsp_resp(p.ssl(), &answer) > 0) == (until > 0));
        BOOST_TEST(t.host().warnings.size() == (until > 0 ? 0u : 1u));
        if (until < 0) BOOST_TEST(has(t.host().warnings.at(0), "out of date and not stapled"));
    }
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

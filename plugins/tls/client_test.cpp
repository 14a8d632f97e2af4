// The connecting side: who is believed, what is shown and sent, what is resumed.

#include <boost/test/unit_test.hpp>

#include "test_peer.hpp"

using namespace tls::testing;
using pk::testing::conn_spec;
using pk::testing::transport_under_test;

namespace {

const pk::testing::setup connects{.side = PK_SIDE_CONNECT};

struct origins : folder {
    identity root = make({.subject = "root", .ca = true});
    identity other = make({.subject = "other", .ca = true});
    identity good = make({.subject = "o", .names = "DNS:o.test,IP:127.0.0.1"}, &root);
    std::string ca = put("ca.pem", root.cert_pem());

    // How the handshake with an origin that shows `who` ends.
    std::string with(const std::string& options, const std::string& name, const identity& who) {
        transport_under_test t(options, connects);
        const auto c = t.open({.peer_name = name});
        if (!c->opened()) return "refused: " + c->failure();
        peer p(c->peer_fd(), {.server = true, .show = &who});
        return shake(*c, p) == PK_IO_DONE ? "done" : c->failure();
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_client, origins)

BOOST_AUTO_TEST_CASE(an_origin_must_be_signed_and_bear_the_name) {
    const std::string mine = "ca: " + ca;
    BOOST_TEST(with(mine, "o.test", good) == "done");
    BOOST_TEST(with(mine, "127.0.0.1", good) == "done");
    BOOST_TEST(has(with(mine, "p.test", good), "certificate verify failed: hostname mismatch"));
    BOOST_TEST(has(with(mine, "127.0.0.2", good), "IP address mismatch"));
    BOOST_TEST(has(with("verify: true", "o.test", good), "unable to get local issuer"));
    const identity late = make({.names = "DNS:o.test", .from = -99, .until = -9}, &root);
    BOOST_TEST(has(with(mine, "o.test", late), "certificate has expired"));
    const identity self = make({.names = "DNS:o.test"});
    BOOST_TEST(has(with(mine, "o.test", self), "self-signed certificate"));
    BOOST_TEST(has(with("ca: " + put("x.pem", other.cert_pem()), "o.test", good), "issuer"));
    BOOST_TEST(with(mine, "", good) == "refused: there is no name to verify the origin by");
    BOOST_TEST(with(mine + ", server_name: o.test", "10.0.0.9", good) == "done");
}

BOOST_AUTO_TEST_CASE(without_verification_anybody_is_believed_and_that_is_warned_of) {
    const identity self = make({.names = "DNS:x.test"});
    BOOST_TEST(with("verify: false", "o.test", self) == "done");
    BOOST_TEST(with("verify: false", "", self) == "done");
    transport_under_test t("verify: false", connects);
    BOOST_TEST(t.host().warnings.size() == 1u);
}

BOOST_AUTO_TEST_CASE(sends_the_name_but_no_address) {
    transport_under_test t("ca: " + ca, connects);
    for (const auto& [name, sent] :
         {std::pair<std::string, std::string>{"o.test", "o.test"}, {"127.0.0.1", ""}}) {
        const auto c = t.open({.peer_name = name});
        peer p(c->peer_fd(), {.server = true, .show = &good});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        const char* got = SSL_get_servername(p.ssl(), TLSEXT_NAMETYPE_host_name);
        BOOST_TEST((got ? got : "") == sent);
    }
}

BOOST_AUTO_TEST_CASE(a_name_may_end_with_the_dot_of_a_complete_one) {
    const std::string mine = "ca: " + ca;
    BOOST_TEST(with(mine, "o.test.", good) == "done");
    BOOST_TEST(with(mine + ", server_name: O.test.", "10.0.0.9", good) == "done");
    for (const std::string wrong : {"o.test:443", "[::1]", "https://o.test", "o.test/"}) {
        const std::string why =
            transport_under_test::load_error(mine + ", server_name: \"" + wrong + "\"", connects);
        BOOST_TEST(has(why, "server_name: '" + wrong + "' is neither a host name nor an address"),
                   why);
    }
}

// Whoever is named is believed, and nobody above: a CA below the root, the origin itself.
BOOST_AUTO_TEST_CASE(trust_may_begin_below_the_root) {
    const identity middle = make({.subject = "middle", .ca = true}, &root);
    const identity below = make({.subject = "b", .names = "DNS:o.test"}, &middle);
    const std::string trusted = "ca: " + put("middle.pem", middle.cert_pem());
    BOOST_TEST(with(trusted, "o.test", below) == "done");
    BOOST_TEST(has(with(trusted, "o.test", good), "unable to get local issuer"));
    const std::string pinned = "ca: " + put("pin.pem", good.cert_pem());
    BOOST_TEST(with(pinned, "o.test", good) == "done");
    BOOST_TEST(has(with(pinned, "p.test", good), "hostname mismatch"));
    const identity forged = make({.subject = "f", .names = "DNS:o.test"}, &good);  // No CA.
    BOOST_TEST(with(pinned, "o.test", forged) != "done");
}

BOOST_AUTO_TEST_CASE(shows_a_certificate_when_it_has_one) {
    const identity us = make({.subject = "us"}, &other);
    const auto ends = [&](const std::string& more) {
        transport_under_test t("ca: " + ca + more, connects);
        const auto c = t.open({.peer_name = "o.test"});
        peer p(
            c->peer_fd(),
            {.server = true, .show = &good, .version = TLS1_2_VERSION, .ask_clients_of = &other});
        return shake(*c, p);
    };
    BOOST_TEST(ends(", certificates: [ {" + pair("us", us) + "} ]") == PK_IO_DONE);
    BOOST_TEST(ends("") == PK_IO_FAILED);
}

BOOST_AUTO_TEST_CASE(resumes_with_the_same_endpoint_and_name_only) {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        transport_under_test t("ca: " + ca, connects);
        // One origin, which knows its tickets.
        std::string key(80, 'k');
        const auto reused = [&](const conn_spec& to) {
            const auto c = t.open(to);
            peer p(c->peer_fd(), {.server = true, .show = &good, .version = version});
            SSL_CTX_set_tlsext_ticket_keys(SSL_get_SSL_CTX(p.ssl()), key.data(), 80);
            BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
            std::string nothing;
            c->read(nothing);  // The tickets.
            return SSL_session_reused(p.ssl()) == 1;
        };
        BOOST_TEST(!reused({.place = "one:1", .peer_name = "o.test"}));
        BOOST_TEST(reused({.place = "one:1", .peer_name = "o.test"}));
        BOOST_TEST(reused({.place = "one:1", .peer_name = "o.test"}));
        BOOST_TEST(!reused({.place = "two:1", .peer_name = "o.test"}));
    }
}

BOOST_AUTO_TEST_CASE(offers_the_protocols) {
    transport_under_test t("ca: " + ca, connects);
    const auto c = t.open({.protocols = {"http/1.1"}, .peer_name = "o.test"});
    peer p(c->peer_fd(), {.server = true, .show = &good});
    SSL_CTX_set_alpn_select_cb(
        SSL_get_SSL_CTX(p.ssl()),
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned,
           void*) {
            *out = in + 1;
            *size = in[0];
            return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
    BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
    const unsigned char* at = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(p.ssl(), &at, &size);
    BOOST_TEST(std::string(reinterpret_cast<const char*>(at), size) == "http/1.1");
}

// A cut is no end: a response until close could have been shortened by anyone on the way (F07).
BOOST_AUTO_TEST_CASE(an_origin_that_just_closes_has_failed) {
    transport_under_test t("ca: " + ca, connects);
    const auto c = t.open({.peer_name = "o.test"});
    peer p(c->peer_fd(), {.server = true, .show = &good});
    BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
    p.send("half");
    c->close_peer();
    std::string got;
    pk_io answer = c->read(got);
    if (answer == PK_IO_DRAINED) answer = c->read(got);
    BOOST_TEST(got == "half");
    BOOST_TEST(answer == PK_IO_FAILED);
    BOOST_TEST(c->failure() == "the peer closed without saying so");
}

// In 1.3 a certificate is refused after the handshake. An alert is no end, however it comes.
BOOST_AUTO_TEST_CASE(an_alert_after_the_handshake_is_a_failure) {
    transport_under_test t("ca: " + ca, connects);
    const auto c = t.open({.peer_name = "o.test"});
    peer p(c->peer_fd(), {.server = true, .show = &good, .ask_clients_of = &other});
    BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
    std::string got;
    BOOST_TEST(c->read(got) == PK_IO_FAILED);
    BOOST_TEST(has(c->failure(), "certificate required"), c->failure());
    BOOST_TEST(c->cause() == +PK_END_PROTOCOL);
}

// S09: what an origin says before it has proved who it is goes nowhere.
BOOST_AUTO_TEST_CASE(a_plain_answer_in_place_of_a_handshake_is_refused) {
    transport_under_test t("ca: " + ca, connects);
    const auto c = t.open({.peer_name = "o.test"});
    const std::string early = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    BOOST_REQUIRE(::send(c->peer_fd(), early.data(), early.size(), 0) > 0);
    BOOST_TEST(c->handshake() == PK_IO_FAILED);
    BOOST_TEST(c->failure() == "TLS: wrong version number");
}

BOOST_AUTO_TEST_SUITE_END()

// Handshakes of the accepting side: certificates by name, protocols, sessions, client certificates.

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "test_peer.hpp"

using namespace tls::testing;
using pk::testing::conn_spec;
using pk::testing::transport_under_test;

namespace {

// Made once: an RSA key takes its time.
struct identities {
    identity root = make({.subject = "root", .ca = true});
    identity clients = make({.subject = "clients", .ca = true});
    identity user =
        make({.subject = "user 7", .names = "email:u@a.test,URI:spiffe://a/u"}, &clients);
    identity a = make({.subject = "a", .names = "DNS:a.test"}, &root);
    identity a_rsa = make({.subject = "a rsa", .names = "DNS:a.test", .rsa = true}, &root);
    identity wild = make({.subject = "wild", .names = "DNS:*.b.test"}, &root);
    identity exact = make({.subject = "exact", .names = "DNS:x.b.test"}, &root);
};

const identities& made() {
    static const identities all;
    return all;
}

struct setup : folder {
    const identity &root = made().root, &clients = made().clients, &user = made().user;
    const identity &a = made().a, &a_rsa = made().a_rsa, &wild = made().wild;
    const identity& exact = made().exact;
    std::string ca = put("clients.pem", clients.cert_pem());
    std::string usual = "certificates: [ {" + pair("a", a) + "}, {" + pair("r", a_rsa) + "}, {" +
                        pair("w", wild) + "}, {" + pair("x", exact) + "} ]";
};

std::string shown(const peer& p) {
    X509* x = SSL_get0_peer_certificate(p.ssl());
    char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
    return name;
}

// The certificate that a client of that name gets.
std::string shown_to(transport_under_test& t, const peer::spec& client) {
    const auto c = t.open();
    peer p(c->peer_fd(), client);
    if (shake(*c, p) != PK_IO_DONE) return "failed: " + c->failure() + " / " + p.error;
    return shown(p);
}

bool resumes(transport_under_test& t, peer::spec client, const conn_spec& first,
             const std::string& other_sni, const conn_spec& then) {
    const auto one = t.open(first);
    peer p(one->peer_fd(), client);
    BOOST_REQUIRE_EQUAL(shake(*one, p), PK_IO_DONE);
    p.receive();  // The tickets.
    BOOST_REQUIRE(p.session() != nullptr);
    const auto two = t.open(then);
    client.session = p.session();
    client.sni = other_sni;
    peer again(two->peer_fd(), client);
    BOOST_REQUIRE_EQUAL(shake(*two, again), PK_IO_DONE);
    return SSL_session_reused(again.ssl()) == 1;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_server, setup)

BOOST_AUTO_TEST_CASE(certificates_go_by_name_and_key_type) {
    transport_under_test t(usual);
    const std::string rsa = "ECDHE-RSA-AES128-GCM-SHA256";
    BOOST_TEST(shown_to(t, {.sni = "a.test"}) == "a");
    BOOST_TEST(shown_to(t, {.sni = "A.Test"}) == "a");
    BOOST_TEST(shown_to(t, {.sni = "a.test", .version = TLS1_2_VERSION, .ciphers = rsa}) ==
               "a rsa");
    BOOST_TEST(shown_to(t, {.sni = "any.b.test"}) == "wild");
    BOOST_TEST(shown_to(t, {.sni = "x.b.test"}) == "exact");
    BOOST_TEST(shown_to(t, {.sni = "two.any.b.test"}) == "wild");  // It is good for no certificate.
    BOOST_TEST(shown_to(t, {.sni = "two.x.b.test"}) == "wild");
    BOOST_TEST(shown_to(t, {.sni = "b.test"}) == "a");
    BOOST_TEST(shown_to(t, {.sni = "nobody.test"}) == "a");
    BOOST_TEST(shown_to(t, {}) == "a");
    BOOST_TEST(shown_to(t, {.version = TLS1_2_VERSION, .ciphers = rsa}) == "a rsa");
}

BOOST_AUTO_TEST_CASE(speaks_1_2_and_1_3_and_nothing_older_or_weaker) {
    transport_under_test t(usual);
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto c = t.open();
        peer p(c->peer_fd(), {.sni = "a.test", .version = version});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        BOOST_TEST(SSL_version(p.ssl()) == version);
        BOOST_TEST(c->variable("tls.version") == SSL_get_version(p.ssl()));
        BOOST_TEST(c->variable("tls.cipher") == SSL_get_cipher_name(p.ssl()));
        BOOST_TEST(c->variable("tls.sni") == "a.test");
        BOOST_TEST(c->variable("tls.peer.subject") == "(none)");
    }
    const auto refused = [&](int version, const std::string& ciphers) {
        return shown_to(t, {.version = version, .ciphers = ciphers}).starts_with("failed");
    };
    BOOST_TEST(refused(TLS1_1_VERSION, "DEFAULT:@SECLEVEL=0"));
    BOOST_TEST(refused(TLS1_2_VERSION, "AES128-GCM-SHA256"));
    BOOST_TEST(refused(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"));
    transport_under_test newest(usual + ", min_version: \"1.3\"");
    BOOST_TEST(shown_to(newest, {.version = TLS1_2_VERSION}).starts_with("failed"));
    BOOST_TEST(shown_to(newest, {.version = TLS1_3_VERSION}) == "a");
}

BOOST_AUTO_TEST_CASE(the_listeners_order_of_protocols_wins) {
    transport_under_test t(usual);
    const struct {
        std::vector<std::string> ours, theirs;
        std::string agreed;
    } table[] = {{{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"},
                 {{"http/1.1"}, {"h2", "http/1.1"}, "http/1.1"},
                 {{"h2", "http/1.1"}, {}, ""},
                 {{}, {"h2"}, ""}};
    for (const auto& row : table) {
        const auto c = t.open({.protocols = row.ours});
        peer p(c->peer_fd(), {.protocols = row.theirs});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        BOOST_TEST(c->protocol() == row.agreed);
        const unsigned char* at = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(p.ssl(), &at, &size);
        BOOST_TEST(std::string(reinterpret_cast<const char*>(at), size) == row.agreed);
    }
}

BOOST_AUTO_TEST_CASE(no_protocol_in_common_is_alert_120) {
    transport_under_test t(usual);
    const auto c = t.open({.protocols = {"h2", "http/1.1"}});
    peer p(c->peer_fd(), {.protocols = {"spdy/3"}});
    BOOST_TEST(shake(*c, p) == PK_IO_FAILED);
    BOOST_TEST(p.error.find("no application protocol") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_ticket_resumes_at_the_same_listener_and_policy_only) {
    transport_under_test t("certificates: [ {" + pair("a", a) + "}, {" + pair("x", exact) + "}, {" +
                           pair("w", wild) + ", client_certificates: { ca: " + ca +
                           ", mode: optional } } ]");
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const peer::spec client{.sni = "a.test", .version = version};
        const conn_spec here{.place = "one"}, there{.place = "other"};
        BOOST_TEST(resumes(t, client, here, "a.test", here));
        BOOST_TEST(!resumes(t, client, here, "a.test", there));
        // S22: another name with another policy begins anew.
        BOOST_TEST(!resumes(t, client, here, "z.b.test", here));
    }
}

// A client of TLS 1.3 uses a ticket once (RFC 8446, C.4): without another it soon could resume
// nothing.
BOOST_AUTO_TEST_CASE(in_1_3_who_resumes_gets_the_next_ticket) {
    transport_under_test t(usual);
    const auto ticket = [](const peer& p) {
        const unsigned char* bytes = nullptr;
        std::size_t size = 0;
        SSL_SESSION_get0_ticket(p.session(), &bytes, &size);
        return std::string(reinterpret_cast<const char*>(bytes), size);
    };
    const auto first = t.open();
    auto p = std::make_unique<peer>(first->peer_fd(),
                                    peer::spec{.sni = "a.test", .version = TLS1_3_VERSION});
    BOOST_REQUIRE_EQUAL(shake(*first, *p), PK_IO_DONE);
    p->receive();
    for (int i = 0; i < 5; ++i) {
        const std::string used = ticket(*p);
        const session_copy s(p->session());
        const auto next = t.open();
        p = std::make_unique<peer>(
            next->peer_fd(),
            peer::spec{.sni = "a.test", .version = TLS1_3_VERSION, .session = s.get()});
        BOOST_REQUIRE_EQUAL(shake(*next, *p), PK_IO_DONE);
        BOOST_TEST(SSL_session_reused(p->ssl()) == 1);
        p->receive();
        BOOST_REQUIRE(p->session() != nullptr);
        BOOST_TEST((ticket(*p) != used));
    }
}

// S24: it is not invited, and of what comes all the same nothing is taken for a request.
BOOST_AUTO_TEST_CASE(early_data_is_refused_and_skipped) {
    transport_under_test t(usual);
    const peer::spec client{.sni = "a.test", .version = TLS1_3_VERSION};
    const auto first = t.open();
    peer p(first->peer_fd(), client);
    BOOST_REQUIRE_EQUAL(shake(*first, p), PK_IO_DONE);
    p.receive();
    BOOST_REQUIRE(p.session() != nullptr);
    BOOST_TEST(SSL_SESSION_get_max_early_data(p.session()) == 0u);
    const session_copy s(p.session());
    SSL_SESSION_set_max_early_data(s.get(), 1000);
    peer::spec eager = client;
    eager.session = s.get();
    const auto next = t.open();
    peer q(next->peer_fd(), eager);
    std::size_t written = 0;
    BOOST_REQUIRE_EQUAL(SSL_write_early_data(q.ssl(), "POST /pay", 9, &written), 1);
    BOOST_REQUIRE_EQUAL(shake(*next, q), PK_IO_DONE);
    BOOST_TEST(SSL_get_early_data_status(q.ssl()) == SSL_EARLY_DATA_REJECTED);
    q.send("GET /");
    std::string got;
    next->read(got);
    BOOST_TEST(got == "GET /");
}

BOOST_AUTO_TEST_CASE(a_ticket_does_not_stand_for_a_client_certificate) {
    transport_under_test t("certificates: [ {" + pair("a", a) + "}, {" + pair("w", wild) +
                           ", client_certificates: { ca: " + ca + " } } ]");
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto one = t.open();
        peer p(one->peer_fd(), {.sni = "a.test", .version = version});
        BOOST_REQUIRE_EQUAL(shake(*one, p), PK_IO_DONE);
        p.receive();
        const auto two = t.open();
        peer q(two->peer_fd(), {.sni = "z.b.test", .version = version, .session = p.session()});
        BOOST_TEST(shake(*two, q) == PK_IO_FAILED);
    }
}

// Nor does it make one last: each resumption brings the next ticket.
BOOST_AUTO_TEST_CASE(a_ticket_ends_with_the_client_certificate) {
    const identity brief = make({.subject = "brief", .until = 2}, &clients);
    transport_under_test t("certificates: [ {" + pair("a", a) +
                           "} ], client_certificates: { ca: " + ca + " }");
    const auto shakes = [&](int version, SSL_SESSION* with) {
        const auto c = t.open();
        auto p = std::make_unique<peer>(
            c->peer_fd(), peer::spec{.show = &brief, .version = version, .session = with});
        if (shake(*c, *p) != PK_IO_DONE) return std::unique_ptr<peer>();
        p->receive();
        return p;
    };
    const auto older = shakes(TLS1_2_VERSION, nullptr), newer = shakes(TLS1_3_VERSION, nullptr);
    BOOST_REQUIRE((older && newer));
    const auto again = shakes(TLS1_3_VERSION, newer->session());
    BOOST_REQUIRE(again);
    BOOST_TEST(SSL_session_reused(again->ssl()) == 1);
    while (X509_cmp_current_time(X509_get0_notAfter(brief.cert.get())) > 0) ::usleep(10'000);
    BOOST_TEST(!shakes(TLS1_2_VERSION, older->session()));
    BOOST_TEST(!shakes(TLS1_3_VERSION, again->session()));
}

// A certificate of old, which clients of old believe: its policy for clients must hold, too.
BOOST_AUTO_TEST_CASE(a_certificate_without_other_names_is_for_its_common_name) {
    const identity old = make({.subject = "Old.b.test"}, &root);
    transport_under_test t("certificates: [ {" + pair("a", a) + "}, {" + pair("o", old) +
                           ", client_certificates: { ca: " + ca + " } } ]");
    BOOST_TEST(shown_to(t, {.sni = "a.test"}) == "a");
    BOOST_TEST(shown_to(t, {.sni = "old.b.test", .show = &user}) == "Old.b.test");
    const auto c = t.open();
    peer stranger(c->peer_fd(), {.sni = "old.b.test", .version = TLS1_2_VERSION});
    BOOST_TEST(shake(*c, stranger) == PK_IO_FAILED);
}

BOOST_AUTO_TEST_CASE(keys_of_tickets_rotate_and_old_ones_still_open) {
    transport_under_test t("certificates: [ {" + pair("a", a) +
                           "} ], session_tickets: { rotate: 1h, lifetime: 3h }");
    const auto resumed_after = [&](std::chrono::nanoseconds time) {
        const auto one = t.open();
        peer p(one->peer_fd(), {.sni = "a.test", .version = TLS1_2_VERSION});
        BOOST_REQUIRE_EQUAL(shake(*one, p), PK_IO_DONE);
        t.host().advance(time);
        // Another client's handshake turns the ring.
        const auto between = t.open();
        peer q(between->peer_fd(), {.version = TLS1_2_VERSION});
        BOOST_REQUIRE_EQUAL(shake(*between, q), PK_IO_DONE);
        const auto two = t.open();
        peer again(two->peer_fd(),
                   {.sni = "a.test", .version = TLS1_2_VERSION, .session = p.session()});
        BOOST_REQUIRE_EQUAL(shake(*two, again), PK_IO_DONE);
        return SSL_session_reused(again.ssl()) == 1;
    };
    using namespace std::chrono_literals;
    BOOST_TEST(resumed_after(1s));
    BOOST_TEST(resumed_after(2h));
    BOOST_TEST(!resumed_after(5h));
}

BOOST_AUTO_TEST_CASE(given_keys_are_shared_between_instances) {
    const std::string key = put("t.key", std::string(80, 'k')),
                      other = put("u.key", std::string(80, 'u'));
    const auto options = [&](const std::string& keys) {
        return "certificates: [ {" + pair("a", a) + "} ], session_tickets: { keys: [ " + keys +
               "] }";
    };
    transport_under_test one(options(key)), two(options(other + ", " + key)), three(options(other));
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto c = one.open();
        peer p(c->peer_fd(), {.sni = "a.test", .version = version});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        p.receive();
        const auto reused = [&](transport_under_test& at) {
            const session_copy s(p.session());
            const auto d = at.open();
            peer q(d->peer_fd(), {.sni = "a.test", .version = version, .session = s.get()});
            BOOST_REQUIRE_EQUAL(shake(*d, q), PK_IO_DONE);
            return SSL_session_reused(q.ssl()) == 1;
        };
        BOOST_TEST(reused(two));
        BOOST_TEST(!reused(three));
    }
}

BOOST_AUTO_TEST_CASE(without_tickets_nothing_is_resumed) {
    transport_under_test t(usual + ", session_tickets: { enabled: false }");
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto c = t.open();
        peer p(c->peer_fd(), {.sni = "a.test", .version = version});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        p.receive();
        BOOST_TEST((p.session() == nullptr || SSL_SESSION_is_resumable(p.session()) == 0 ||
                    !SSL_SESSION_has_ticket(p.session())));
    }
}

BOOST_AUTO_TEST_CASE(a_client_certificate_is_asked_verified_and_told) {
    transport_under_test t("certificates: [ {" + pair("a", a) +
                           "} ], client_certificates: { ca: " + ca + " }");
    const identity stranger = make({.subject = "stranger"}, &root);
    const identity late = make({.subject = "late", .from = -99, .until = -9}, &clients);
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto c = t.open();
        peer p(c->peer_fd(), {.show = &user, .version = version});
        BOOST_REQUIRE_EQUAL(shake(*c, p), PK_IO_DONE);
        BOOST_TEST(c->variable("tls.peer.subject") == "CN=user 7");
        BOOST_TEST(c->variable("tls.peer.san") == "email:u@a.test, URI:spiffe://a/u");
        BOOST_TEST(c->variable("tls.peer.fingerprint").size() == 64u);
        for (const identity* bad : {static_cast<const identity*>(nullptr), &stranger, &late}) {
            const auto d = t.open();
            peer q(d->peer_fd(), {.show = bad, .version = version});
            BOOST_TEST(shake(*d, q) == PK_IO_FAILED);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_optional_certificate_may_be_absent_but_not_wrong) {
    transport_under_test t("certificates: [ {" + pair("a", a) +
                           "} ], client_certificates: { ca: " + ca + ", mode: optional }");
    const identity stranger = make({.subject = "stranger"}, &root);
    for (const auto& [who, answer] : {std::pair<const identity*, pk_io>{nullptr, PK_IO_DONE},
                                      {&user, PK_IO_DONE},
                                      {&stranger, PK_IO_FAILED}}) {
        const auto c = t.open();
        peer p(c->peer_fd(), {.show = who});
        BOOST_TEST(shake(*c, p) == answer);
    }
}

// S22, S23: which hosts a connection may carry, and the strictest policy of a name.
BOOST_AUTO_TEST_CASE(hosts_of_another_policy_are_misdirected) {
    transport_under_test t("certificates: [ {" + pair("a", a) + "}, {" + pair("x", exact) + "}, {" +
                           pair("w", wild) + ", client_certificates: { ca: " + ca + " } } ]");
    BOOST_REQUIRE(t.host().warnings.size() == 1u);
    BOOST_TEST(t.host().warnings[0].find("'x.b.test' is also covered by a wildcard") !=
               std::string::npos);
    const auto open = t.open();
    peer p(open->peer_fd(), {.sni = "a.test"});
    BOOST_REQUIRE_EQUAL(shake(*open, p), PK_IO_DONE);
    BOOST_TEST(open->serves("a.test"));
    BOOST_TEST(open->serves("unknown.test"));
    BOOST_TEST(!open->serves("z.b.test"));
    BOOST_TEST(!open->serves("x.b.test"));
    const auto shut = t.open();
    peer q(shut->peer_fd(), {.sni = "x.b.test"});
    BOOST_TEST(shake(*shut, q) == PK_IO_FAILED);  // No certificate.
    const auto let = t.open();
    peer r(let->peer_fd(), {.sni = "x.b.test", .show = &user});
    BOOST_REQUIRE_EQUAL(shake(*let, r), PK_IO_DONE);
    BOOST_TEST(let->serves("z.b.test"));
    BOOST_TEST(!let->serves("a.test"));
}

// A route's *.b.test takes y.z.b.test, too: the policy must reach as far (S23).
BOOST_AUTO_TEST_CASE(a_wildcards_policy_is_for_all_that_is_below_it) {
    const identity deep =
        make({.subject = "deep", .names = "DNS:*.c.b.test,DNS:d.e.b.test"}, &root);
    transport_under_test t("certificates: [ {" + pair("a", a) + "}, {" + pair("d", deep) + "}, {" +
                           pair("w", wild) + ", client_certificates: { ca: " + ca + " } } ]");
    BOOST_TEST(t.host().warnings.size() == 2u);  // Each name of `deep`.
    const auto open = t.open();
    peer p(open->peer_fd(), {.sni = "a.test"});
    BOOST_REQUIRE_EQUAL(shake(*open, p), PK_IO_DONE);
    const auto let = t.open();
    peer r(let->peer_fd(), {.sni = "z.b.test", .show = &user});
    BOOST_REQUIRE_EQUAL(shake(*let, r), PK_IO_DONE);
    for (const std::string host : {"z.b.test", "y.z.b.test", "x.y.z.b.test", "y.c.b.test",
                                   "x.y.c.b.test", "d.e.b.test", "y.d.e.b.test"}) {
        BOOST_TEST(!open->serves(host), host);
        BOOST_TEST(let->serves(host), host);
        const auto c = t.open();
        peer q(c->peer_fd(), {.sni = host});
        BOOST_TEST(shake(*c, q) == PK_IO_FAILED, host);  // No certificate.
    }
    BOOST_TEST(open->serves("b.test"));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_hello_is_refused) {
    transport_under_test t(usual);
    for (const std::string& bytes : {std::string("HTTP/1.1 200 OK\r\n\r\n"), std::string(64, '\0'),
                                     std::string("\x16\x03\x01\xff\xff", 5)}) {
        const auto c = t.open();
        BOOST_REQUIRE(::write(c->peer_fd(), bytes.data(), bytes.size()) > 0);
        BOOST_TEST(c->handshake() == PK_IO_FAILED);
        BOOST_TEST(c->failure().starts_with("TLS: "));
        BOOST_TEST(c->cause() == PK_END_PROTOCOL);
    }
}

BOOST_AUTO_TEST_CASE(a_request_without_tls_is_told_so) {
    transport_under_test t(usual);
    const auto c = t.open();
    const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    BOOST_REQUIRE(::write(c->peer_fd(), request.data(), request.size()) > 0);
    BOOST_TEST(c->handshake() == PK_IO_FAILED);
    BOOST_TEST(c->failure().find("http request") != std::string::npos, c->failure());
    char bytes[1024];
    const auto n = ::read(c->peer_fd(), bytes, sizeof bytes);
    BOOST_REQUIRE(n > 0);
    const std::string_view answer(bytes, static_cast<std::size_t>(n));
    BOOST_TEST(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    const std::string_view body = answer.substr(answer.find("\r\n\r\n") + 4);
    BOOST_TEST(answer.find("Content-Length: " + std::to_string(body.size()) + "\r\n") !=
               answer.npos);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_in_the_handshake_is_told_so) {
    transport_under_test t(usual);
    const auto c = t.open();
    BOOST_TEST(c->handshake() == PK_IO_WANT_READ);
    c->close_peer();
    BOOST_TEST(c->handshake() == PK_IO_FAILED);
    BOOST_TEST(c->failure() == "the peer closed during the handshake");
    BOOST_TEST(c->cause() == PK_END_CLIENT_ABORT);
}

BOOST_AUTO_TEST_CASE(handshakes_have_a_rate) {
    transport_under_test t(usual + ", handshake_rate: 2/s");
    BOOST_TEST(t.open()->opened());
    BOOST_TEST(t.open()->opened());
    BOOST_TEST(!t.open()->opened());
    t.host().advance(std::chrono::milliseconds(500));
    BOOST_TEST(t.open()->opened());
    BOOST_TEST(!t.open()->opened());
}

BOOST_AUTO_TEST_SUITE_END()

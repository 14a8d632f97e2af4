// Bytes of an established connection: both ways, in pieces, against a slow peer, to the end.

#include <boost/test/unit_test.hpp>

#include "test_peer.hpp"

using namespace tls::testing;
using pk::testing::transport_under_test;

namespace {

struct linked : folder {
    identity a = make({.subject = "a", .names = "DNS:a.test"});
    transport_under_test t{"certificates: [ {" + pair("a", a) + "} ]"};
    std::unique_ptr<transport_conn> c = t.open();
    std::unique_ptr<peer> p;

    explicit linked(int version = TLS1_3_VERSION)
        : p(std::make_unique<peer>(c->peer_fd(), peer::spec{.version = version})) {
        if (shake(*c, *p) != PK_IO_DONE) throw std::runtime_error(c->failure());
    }
};

std::string pattern(std::size_t size) {
    std::string s(size, '\0');
    for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>(i * 7 + i / 251);
    return s;
}

// Writes all, while the peer reads; gives what the peer has got.
std::string pass(transport_conn& c, peer& p, std::vector<std::string> slices) {
    std::string got;
    for (int i = 0; i < 100000 && !slices.empty(); ++i) {
        const pk_io answer = c.write(slices);
        BOOST_REQUIRE((answer == PK_IO_DONE || answer == PK_IO_WANT_WRITE));
        got += p.receive();
    }
    return got + p.receive();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_data)

BOOST_AUTO_TEST_CASE(a_short_read_says_that_nothing_is_left) {
    linked l;
    std::string got;
    BOOST_TEST(l.c->read(got) == PK_IO_WANT_READ);
    l.p->send("hello");
    BOOST_TEST(l.c->read(got) == PK_IO_DRAINED);
    BOOST_TEST(got == "hello");
    BOOST_TEST(l.c->read(got) == PK_IO_WANT_READ);
    l.p->send("again");
    BOOST_TEST(l.c->read(got) == PK_IO_DRAINED);
    BOOST_TEST(got == "helloagain");
}

BOOST_AUTO_TEST_CASE(several_records_come_in_one_read_and_small_rooms_lose_nothing) {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (std::size_t room : {1u, 100u, 8192u, 65536u}) {
            linked l(version);
            const std::string sent = pattern(40'000);
            for (std::size_t at = 0; at < sent.size(); at += 4000) l.p->send(sent.substr(at, 4000));
            std::string got;
            l.c->read(got, room);
            BOOST_TEST((got == sent));
        }
    }
}

BOOST_AUTO_TEST_CASE(records_in_pieces_come_whole) {
    linked l;
    // A relay that lets one byte pass at a time.
    int fds[2];
    BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    SSL_set_fd(l.p->ssl(), fds[0]);
    l.p->send("drop by drop");
    std::string got;
    char byte;
    while (::recv(fds[1], &byte, 1, 0) == 1) {
        BOOST_TEST(got.empty());
        BOOST_REQUIRE(::send(l.c->peer_fd(), &byte, 1, 0) == 1);
        l.c->read(got);
    }
    BOOST_TEST(got == "drop by drop");
    ::close(fds[0]);
    ::close(fds[1]);
}

BOOST_AUTO_TEST_CASE(slices_of_all_sizes_arrive_in_order) {
    const std::vector<std::vector<std::size_t>> table = {{1},
                                                         {200, 1024},
                                                         {200, 65536},
                                                         {16384, 16385, 1},
                                                         {0, 5, 0},
                                                         {4096, 4097, 4096},
                                                         {100, 100, 100, 20000},
                                                         {65536, 65536, 65536, 3},
                                                         {8000, 8000},
                                                         {4096, 4096, 4096, 4096, 4096}};
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const auto& sizes : table) {
            linked l(version);
            std::vector<std::string> slices;
            std::string whole;
            for (std::size_t n : sizes) {
                slices.push_back(pattern(n + whole.size()).substr(whole.size()));
                whole += slices.back();
            }
            BOOST_TEST((pass(*l.c, *l.p, slices) == whole));
        }
    }
}

BOOST_AUTO_TEST_CASE(small_slices_share_a_record) {
    linked l;
    l.p->receive();  // The tickets.
    std::vector<std::string> slices(20, "0123456789");
    BOOST_TEST(l.c->write(slices) == PK_IO_DONE);
    char raw[4096];
    const ssize_t n = ::recv(l.c->peer_fd(), raw, sizeof raw, 0);
    BOOST_TEST(n == 5 + 200 + 1 + 16);  // Header, bytes, type, tag.
}

// The peer reads nothing: what is said to be taken is on the fd, and nothing is lost or doubled
// when the rest is offered from elsewhere, with more behind it.
BOOST_AUTO_TEST_CASE(a_peer_that_stalls_gets_all_in_the_end) {
    linked l;
    const std::string whole = pattern(3'000'000);
    std::vector<std::string> slices{whole.substr(0, 1'000'000)};
    while (l.c->write(slices) == PK_IO_DONE) continue;
    BOOST_REQUIRE(!slices.empty());
    const std::size_t taken = 1'000'000 - slices.front().size();
    BOOST_TEST(taken > 0u);
    for (int i = 0; i < 3; ++i) BOOST_TEST(l.c->write(slices) == PK_IO_WANT_WRITE);
    BOOST_TEST(slices.front().size() == 1'000'000 - taken);
    slices.push_back(whole.substr(1'000'000));
    std::string got = l.p->receive();
    BOOST_TEST(got.size() >= taken);  // What it took was there.
    got += pass(*l.c, *l.p, slices);
    BOOST_TEST((got == whole));
}

BOOST_AUTO_TEST_CASE(an_end_is_told_and_the_other_way_stays_open) {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        linked l(version);
        l.p->send("bye");
        SSL_shutdown(l.p->ssl());
        std::string got;
        // Not DRAINED: nobody would ask again before the socket has more.
        BOOST_TEST(l.c->read_once(got, 1000) == PK_IO_DONE);
        BOOST_TEST(got == "bye");
        BOOST_TEST(l.c->read_once(got, 1000) == PK_IO_END);
        BOOST_TEST(l.c->read_once(got, 1000) == PK_IO_END);
        std::vector<std::string> answer{"still here"};
        BOOST_TEST(l.c->write(answer) == PK_IO_DONE);
        BOOST_TEST(l.c->close_write() == PK_IO_DONE);
        BOOST_TEST(l.c->close_write() == PK_IO_DONE);  // Says it once.
    }
}

BOOST_AUTO_TEST_CASE(closing_tells_the_peer) {
    linked l;
    std::vector<std::string> answer{"last"};
    BOOST_TEST(l.c->write(answer) == PK_IO_DONE);
    BOOST_TEST(l.c->close_write() == PK_IO_DONE);
    BOOST_TEST(l.p->receive() == "last");
    BOOST_TEST(l.p->ended);
}

// Requests say where they end, so a client that closes without a goodbye has lost nothing.
BOOST_AUTO_TEST_CASE(a_client_that_just_closes_has_ended) {
    linked l;
    l.p->receive();  // What a socket pair's end has not read, it answers with a reset.
    l.p->send("all");
    l.c->close_peer();
    std::string got;
    pk_io answer = l.c->read(got);
    if (answer == PK_IO_DRAINED) answer = l.c->read(got);
    BOOST_TEST(got == "all");
    BOOST_TEST(answer == PK_IO_END);
}

BOOST_AUTO_TEST_CASE(a_damaged_record_is_a_failure) {
    linked l;
    const std::string bytes = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
    BOOST_REQUIRE(::send(l.c->peer_fd(), bytes.data(), bytes.size(), 0) > 0);
    std::string got;
    BOOST_TEST(l.c->read(got) == PK_IO_FAILED);
    BOOST_TEST(got == "");
    l.p->receive();
    BOOST_TEST(l.p->error.find("bad record mac") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_damaged_record_behind_a_good_one_is_told_at_once) {
    linked l;
    l.p->send("good");
    const std::string bytes = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
    BOOST_REQUIRE(::send(l.c->peer_fd(), bytes.data(), bytes.size(), 0) > 0);
    std::string got;
    BOOST_TEST(l.c->read(got) == PK_IO_FAILED);
    BOOST_TEST(got == "good");
}

BOOST_AUTO_TEST_CASE(renegotiation_is_refused) {
    linked l(TLS1_2_VERSION);
    SSL_renegotiate(l.p->ssl());
    l.p->step();
    std::string got;
    l.c->read(got);
    l.p->step();
    BOOST_TEST(l.p->error.find("no renegotiation") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_key_update_is_answered_on_reading) {
    linked l;
    SSL_key_update(l.p->ssl(), SSL_KEY_UPDATE_REQUESTED);
    l.p->send("new keys");
    std::string got;
    l.c->read(got);
    BOOST_TEST(got == "new keys");
    std::vector<std::string> answer{"mine, too"};
    BOOST_TEST(l.c->write(answer) == PK_IO_DONE);
    BOOST_TEST(l.p->receive() == "mine, too");
}

// Who asks for answers without end and takes none is not read any more, so that they cost nothing.
BOOST_AUTO_TEST_CASE(a_flood_of_key_updates_waits_for_its_answers) {
    linked l;
    std::string got;
    const auto flood = [&] {
        int sent = 0;
        for (; l.p->step(); ++sent) SSL_key_update(l.p->ssl(), SSL_KEY_UPDATE_REQUESTED);
        return sent;
    };
    int rounds = 0;
    while (flood() > 0 && rounds < 300) {
        l.c->read(got);
        ++rounds;
    }
    BOOST_TEST(rounds < 300);
    BOOST_TEST(l.c->read(got) == PK_IO_WANT_WRITE);
    // It takes them, past its TLS, which would write first: the flood is read to its end.
    char nowhere[65536];
    for (int i = 0; i < 100 && l.c->read(got) != PK_IO_WANT_READ; ++i) {
        while (::recv(l.c->peer_fd(), nowhere, sizeof nowhere, 0) > 0) continue;
    }
    BOOST_TEST(l.p->step());
    l.p->send("hello");
    l.c->read(got);
    BOOST_TEST(got == "hello");
}

BOOST_AUTO_TEST_CASE(what_came_with_the_handshake_is_read_after_it) {
    folder f;
    const identity a = make({.subject = "a"});
    transport_under_test t("certificates: [ {" + f.pair("a", a) + "} ]");
    const auto c = t.open();
    peer p(c->peer_fd(), {});
    p.step();
    c->handshake();
    p.step();         // Its Finished ...
    p.send("early");  // ... and at once a request.
    BOOST_TEST(c->handshake() == PK_IO_DONE);
    std::string got;
    c->read(got);
    BOOST_TEST(got == "early");
}

BOOST_AUTO_TEST_SUITE_END()

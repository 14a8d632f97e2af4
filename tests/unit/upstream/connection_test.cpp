// What an origin's connection makes of events that come at the wrong moment, over a real socket.

#include "kernel/upstream/connection.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>

#include "kernel/base/unique_fd.hpp"

using namespace pkernel;
using namespace std::chrono_literals;

namespace {

// Remembers what it was told.
struct recorder final : upstream::connection_user {
    void on_connected() override { connected = true; }
    void on_informational() override {}
    void on_response_head(const http::framing&) override {}
    void on_response_data(base::slice data) override { body += data.view(); }
    void on_response_end(const http::fields&) override { ended = true; }
    void on_send_drained() override {}
    void on_failure(const upstream::failure& f) override {
        failed = true;
        why = f;
    }
    bool wants_data() override { return true; }
    bool held_by_client() override { return false; }

    std::string body;
    bool connected = false, ended = false, failed = false;
    upstream::failure why{};
};

// A connection to a socket of ours, which plays the origin.
struct pair {
    explicit pair(std::string_view first_words = {})
        : listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        upstream::socket_address to{};
        auto& address = reinterpret_cast<sockaddr_in&>(to.storage);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.size = sizeof address;
        BOOST_REQUIRE(::bind(listening.get(), to.get(), to.size) == 0);
        BOOST_REQUIRE(::listen(listening.get(), 1) == 0);
        BOOST_REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&to.storage),
                                    &to.size) == 0);
        upstream::failure why;
        const std::vector<upstream::socket_address> addresses{to};
        BOOST_REQUIRE(conn->connect({&addresses}, {}, 1s, user, &why));
        origin = base::unique_fd(::accept(listening.get(), nullptr, nullptr));
        if (!first_words.empty()) origin_says(first_words);
        conn->on_io(first_words.empty() ? net::io_writable : net::io_writable | net::io_readable);
        BOOST_REQUIRE(user.connected);
    }
    ~pair() {
        if (!user.failed && !keeper.failed) conn->abandon();
        loop.run_once();
    }

    void exchange(std::string_view response) {
        conn->begin(user, {&limits, &head, &trailers});
        conn->end_request();
        origin_says(response);
        conn->on_io(net::io_readable);
        loop.run_once();
    }
    void origin_says(std::string_view text) {
        BOOST_REQUIRE(::write(origin.get(), text.data(), text.size()) ==
                      static_cast<ssize_t>(text.size()));
    }

    net::loop loop;
    base::block_pool blocks;
    base::arena arena{blocks};
    http::response_head head{arena};
    http::fields trailers{arena};
    const upstream::exchange_limits limits{{}, 32, 1s, 1s, 1s};
    const upstream::peer_key key{"origin"};
    recorder user, keeper;
    base::unique_fd listening, origin;
    upstream::connection* conn = new upstream::connection(loop, blocks, key);
};

constexpr std::string_view response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

BOOST_AUTO_TEST_SUITE(connection)

// Such as one that refuses every connection with a 503.
BOOST_AUTO_TEST_CASE(an_origin_may_speak_before_it_was_asked) {
    pair p(response);
    p.conn->begin(p.user, {&p.limits, &p.head, &p.trailers});
    p.conn->end_request();
    p.loop.run_once();
    BOOST_TEST(p.user.ended);
    BOOST_TEST(p.user.body == "ok");
}

// Two events of one batch: the first lets the response be read to its end, the second tells of
// bytes that have been read by then.
BOOST_AUTO_TEST_CASE(an_event_older_than_the_last_read_does_not_end_an_idle_connection) {
    pair p;
    p.exchange(response);
    BOOST_TEST(p.user.body == "ok");
    BOOST_REQUIRE(p.conn->reusable());
    p.conn->go_idle(p.keeper);
    p.conn->on_io(net::io_readable | net::io_writable);
    BOOST_TEST(!p.keeper.failed);
}

BOOST_AUTO_TEST_CASE(an_origin_that_speaks_while_idle_is_dropped) {
    pair p;
    p.exchange(response);
    p.conn->go_idle(p.keeper);
    p.origin_says("HTTP/1.1 200 OK\r\n");
    p.conn->on_io(net::io_readable);
    BOOST_TEST(p.keeper.failed);
}

// The connection is taken from the pool and its origin's word is read in one turn of the loop: the
// request is written only at its end.
BOOST_AUTO_TEST_CASE(what_came_before_the_request_left_is_not_its_answer) {
    pair p;
    p.exchange(response);
    p.conn->go_idle(p.keeper);
    p.conn->begin(p.user, {&p.limits, &p.head, &p.trailers});
    p.conn->send(base::slice("GET / HTTP/1.1\r\n\r\n", 18, nullptr));
    p.conn->end_request();
    p.origin_says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    p.conn->on_io(net::io_readable | net::io_writable);
    BOOST_REQUIRE(p.user.failed);
    BOOST_TEST(p.user.body == "ok");  // Of the first one.
    BOOST_TEST((p.user.why.kind == upstream::failure_kind::closed));
    BOOST_TEST(!p.user.why.got_bytes);
    BOOST_TEST((p.user.why.request == upstream::sent::nothing));
}

BOOST_AUTO_TEST_CASE(an_origin_says_how_long_it_keeps_a_connection_in_many_ways) {
    const struct {
        const char* fields;
        long seconds;  // -1: nothing was said.
    } cases[] = {
        {"", -1},
        {"Keep-Alive: max=100\r\n", -1},
        {"Keep-Alive: xtimeout=5\r\n", -1},
        {"Keep-Alive: timeout=5\r\n", 4},
        {"Keep-Alive: Timeout = 5 , max=100\r\n", 4},
        {"keep-alive: max=3\r\nKeep-Alive: timeout=5\r\n", 4},
        {"Keep-Alive: timeout=1\r\n", 0},
        {"Keep-Alive: timeout=0\r\n", 0},
        {"Keep-Alive: timeout\r\n", 0},
        {"Keep-Alive: timeout=-7\r\n", 0},
        {"Keep-Alive: timeout=99999999999999999999\r\n", 86'399},
    };
    for (const auto& each : cases) {
        pair p;
        p.exchange("HTTP/1.1 200 OK\r\n" + std::string(each.fields) +
                   "Content-Length: 2\r\n\r\nok");
        const auto hint = p.conn->idle_hint();
        const bool none = each.seconds < 0;
        BOOST_TEST((hint == (none ? hint.max() : std::chrono::seconds(each.seconds))), each.fields);
    }
}

BOOST_AUTO_TEST_CASE(an_origin_that_closes_while_idle_is_dropped) {
    pair p;
    p.exchange(response);
    p.conn->go_idle(p.keeper);
    p.origin = base::unique_fd();
    p.conn->on_io(net::io_readable | net::io_peer_closed);
    BOOST_TEST(p.keeper.failed);
}

BOOST_AUTO_TEST_CASE(bytes_behind_a_response_keep_a_connection_from_the_pool) {
    pair p;
    p.exchange(std::string(response) + "HTTP/1.1 200 OK\r\n");
    BOOST_TEST(p.user.ended);
    BOOST_TEST(!p.conn->reusable());
}

BOOST_AUTO_TEST_SUITE_END()

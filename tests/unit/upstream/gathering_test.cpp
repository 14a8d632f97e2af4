// When a socket is told to wait for more, and when no longer; over a real one.

#include "kernel/upstream/gathering.hpp"

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "kernel/base/unique_fd.hpp"

using namespace pkernel;
using upstream::gathering;

namespace {

constexpr std::uint64_t plenty = gathering::rest_min;

struct long_body {
    base::unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    gathering g;

    long_body() { g.begin(); }
    void fast_moves(int count) {
        for (int i = 0; i < count; ++i) g.moved(fd.get(), gathering::large_move, plenty);
    }
    bool wait(std::uint64_t left = plenty) { return g.wait(fd.get(), left); }
    int mark() const {
        int value = 0;
        socklen_t size = sizeof value;
        BOOST_REQUIRE(::getsockopt(fd.get(), SOL_SOCKET, SO_RCVLOWAT, &value, &size) == 0);
        return value;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gathering_)

BOOST_AUTO_TEST_CASE(only_what_has_come_fast_is_waited_for) {
    long_body b;
    b.fast_moves(gathering::large_moves_min - 1);
    BOOST_TEST(!b.wait());
    BOOST_TEST(b.mark() == 1);
    b.fast_moves(1);
    BOOST_TEST(b.wait());
    BOOST_TEST(b.mark() == int(gathering::bytes));
}

BOOST_AUTO_TEST_CASE(a_small_move_begins_the_count_anew) {
    long_body b;
    b.fast_moves(gathering::large_moves_min - 1);
    b.g.moved(b.fd.get(), gathering::large_move - 1, plenty);
    b.fast_moves(gathering::large_moves_min - 1);
    BOOST_TEST(!b.wait());
}

BOOST_AUTO_TEST_CASE(a_body_that_is_nearly_over_is_not_waited_for) {
    long_body b;
    b.fast_moves(gathering::large_moves_min);
    BOOST_TEST(!b.wait(plenty - 1));
    BOOST_TEST(b.mark() == 1);
}

BOOST_AUTO_TEST_CASE(the_end_does_not_wait_for_bytes_that_do_not_come) {
    long_body b;
    b.fast_moves(gathering::large_moves_min);
    BOOST_REQUIRE(b.wait());
    b.g.moved(b.fd.get(), gathering::large_move, gathering::bytes);
    BOOST_TEST(b.mark() == int(gathering::bytes));
    b.g.moved(b.fd.get(), gathering::large_move, gathering::bytes - 1);
    BOOST_TEST(b.mark() == 1);
    BOOST_TEST(!b.wait(gathering::bytes - 1));
}

BOOST_AUTO_TEST_CASE(one_that_took_too_long_is_looked_at_at_once_until_the_next) {
    long_body b;
    b.fast_moves(gathering::large_moves_min);
    BOOST_REQUIRE(b.wait());
    b.g.give_up(b.fd.get());
    BOOST_TEST(b.mark() == 1);
    b.fast_moves(2 * gathering::large_moves_min);
    BOOST_TEST(!b.wait());
    b.g.begin();
    b.fast_moves(gathering::large_moves_min);
    BOOST_TEST(b.wait());
}

BOOST_AUTO_TEST_SUITE_END()

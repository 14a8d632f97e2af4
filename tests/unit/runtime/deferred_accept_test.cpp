// When connections are kept back until they say something, on a real listening socket.

#include "kernel/runtime/deferred_accept.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "kernel/base/unique_fd.hpp"

using namespace pkernel;
using namespace std::chrono_literals;
using runtime::deferred_accept;

namespace {

struct listening {
    base::unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    deferred_accept d{fd.get()};
    net::instant now{1h};

    listening() { BOOST_REQUIRE(::listen(fd.get(), 1) == 0); }
    // True: the last one turned it on.
    bool accept(std::uint32_t count, net::nanoseconds apart) {
        bool told = false;
        for (std::uint32_t i = 0; i < count; ++i) {
            told = d.accepted(now);
            now += apart;
        }
        return told;
    }
    bool kept_back() const {
        int seconds = 0;
        socklen_t size = sizeof seconds;
        BOOST_REQUIRE(::getsockopt(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &size) == 0);
        BOOST_TEST(d.on() == (seconds > 0));
        return d.on();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(deferred_accept_)

BOOST_AUTO_TEST_CASE(few_are_never_kept_back) {
    listening l;
    BOOST_TEST(!l.accept(10 * deferred_accept::burst, 2ms));
    BOOST_TEST(!l.kept_back());
}

BOOST_AUTO_TEST_CASE(very_many_are) {
    listening l;
    BOOST_TEST(!l.accept(deferred_accept::burst - 1, 1ms));
    BOOST_TEST(!l.kept_back());
    BOOST_TEST(l.accept(1, 1ms));
    BOOST_TEST(l.kept_back());
    BOOST_TEST(!l.accept(deferred_accept::burst, 1ms));
    BOOST_TEST(l.kept_back());
}

BOOST_AUTO_TEST_CASE(until_a_quiet_second) {
    listening l;
    l.accept(deferred_accept::burst, 1ms);
    l.accept(deferred_accept::quiet, 1ms);
    l.d.look();
    BOOST_TEST(l.kept_back());
    l.accept(deferred_accept::quiet - 1, 1ms);
    l.d.look();
    BOOST_TEST(!l.kept_back());
    BOOST_TEST(l.accept(deferred_accept::burst, 1ms));
}

BOOST_AUTO_TEST_CASE(and_never_again_after_its_end) {
    listening l;
    l.accept(deferred_accept::burst, 1ms);
    l.d.end();
    BOOST_TEST(!l.kept_back());
    BOOST_TEST(!l.accept(2 * deferred_accept::burst, 1ms));
    BOOST_TEST(!l.kept_back());
}

BOOST_AUTO_TEST_SUITE_END()

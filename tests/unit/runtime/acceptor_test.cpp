// What an acceptor takes before it lets go of its listening socket.

#include "kernel/runtime/acceptor.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <vector>

#include "kernel/net/listen.hpp"

using namespace pkernel;
using namespace std::chrono_literals;

namespace {

struct rig final : runtime::accept_target {
    rig() {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        base::unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
        BOOST_REQUIRE(::listen(fd.get(), 256) == 0);
        at = net::bound_address(fd.get());
        acceptor = std::make_unique<runtime::acceptor>(loop, *this, std::move(fd), 0);
    }

    // Connected and with a byte sent, so that nothing keeps it back.
    void connect(int count) {
        for (int i = 0; i < count; ++i) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            BOOST_REQUIRE(::connect(clients.back().get(), at.get(), at.size) == 0);
            BOOST_REQUIRE(::send(clients.back().get(), "x", 1, 0) == 1);
        }
    }
    void accept_all() {
        while (taken.size() < clients.size()) {
            turn.arm(loop.timers(), loop.now() + 1ms);
            loop.run();
        }
    }

    void accepted(int fd, std::uint32_t, const pk_address&, const pk_address&) override {
        taken.emplace_back(fd);
    }
    void out_of_descriptors(int) override {}
    void finished(runtime::acceptor&) override { acceptor.reset(); }

    net::loop loop;
    net::timer turn{[](void* self) { static_cast<net::loop*>(self)->stop(); }, &loop};
    net::socket_address at;
    std::unique_ptr<runtime::acceptor> acceptor;
    std::vector<base::unique_fd> clients, taken;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(acceptor)

BOOST_AUTO_TEST_CASE(who_waits_in_the_backlog_is_taken_at_the_end) {
    rig r;
    r.connect(10);
    BOOST_TEST(r.acceptor->finish());
    BOOST_TEST(r.taken.size() == 10u);
}

// A reload that removes the listener does not come back for more.
BOOST_AUTO_TEST_CASE(and_at_once_where_others_are_kept_back) {
    rig r;
    r.connect(runtime::deferred_accept::burst);
    r.accept_all();
    r.connect(10);
    BOOST_TEST(!r.acceptor->finish());
    BOOST_TEST(r.taken.size() == r.clients.size());
}

BOOST_AUTO_TEST_SUITE_END()

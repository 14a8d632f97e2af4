// F41: which of several addresses a connection is made to, over real sockets of the loopback.

#include "kernel/upstream/race.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace pkernel;
using namespace std::chrono_literals;
using upstream::socket_address;

namespace {

// A port of the loopback: one that accepts, refuses, or says nothing because its backlog is full.
struct port {
    enum class kind { accepts, refuses, silent };
    explicit port(kind k) : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        auto& ip = reinterpret_cast<sockaddr_in&>(at.storage);
        ip.sin_family = AF_INET;
        ip.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.size = sizeof ip;
        BOOST_REQUIRE(::bind(fd.get(), at.get(), at.size) == 0);
        BOOST_REQUIRE(::getsockname(fd.get(), at.get(), &at.size) == 0);
        if (k == kind::refuses) return;
        BOOST_REQUIRE(::listen(fd.get(), k == kind::silent ? 0 : 8) == 0);
        for (int i = 0; k == kind::silent && i < 8; ++i) {
            filling.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(filling.back().get(), at.get(), at.size);
        }
    }
    base::unique_fd fd;
    socket_address at;
    std::vector<base::unique_fd> filling;
};

struct outcome final : upstream::race_owner {
    explicit outcome(const std::vector<socket_address>& to) : addresses(to) {
        runner = new upstream::race(loop, {&addresses, &best}, *this);
    }
    ~outcome() {
        if (runner) end();
        loop.run_once();
    }
    void race_won(base::unique_fd fd, const socket_address& at) override {
        port = at.port();
        BOOST_TEST(static_cast<bool>(fd));
        end();
        loop.stop();
    }
    void race_lost(int why) override {
        error = why;
        end();
        loop.stop();
    }
    void end() {
        runner->end();
        loop.retire(std::exchange(runner, nullptr));
    }
    // How long it took.
    net::nanoseconds run() {
        const auto from = net::monotonic_now();
        if (runner->start())
            loop.run();
        else
            error = errno;
        return net::monotonic_now() - from;
    }

    net::loop loop;
    const std::vector<socket_address> addresses;
    std::atomic<std::uint32_t> best{0};
    upstream::race* runner;
    int port = 0, error = 0;
};

constexpr auto stagger = upstream::race::stagger;

}  // namespace

BOOST_AUTO_TEST_SUITE(race)

BOOST_AUTO_TEST_CASE(the_first_that_answers_is_taken_at_once) {
    const port a(port::kind::accepts), b(port::kind::accepts);
    outcome o({a.at, b.at});
    BOOST_TEST((o.run() < stagger));
    BOOST_TEST(o.port == a.at.port());
    BOOST_TEST(o.best.load() == 0u);
}

BOOST_AUTO_TEST_CASE(one_that_refuses_costs_no_wait) {
    const port a(port::kind::refuses), b(port::kind::accepts);
    outcome o({a.at, b.at});
    BOOST_TEST((o.run() < stagger));
    BOOST_TEST(o.port == b.at.port());
}

BOOST_AUTO_TEST_CASE(a_silent_one_costs_the_stagger_and_is_remembered) {
    const port a(port::kind::silent), b(port::kind::accepts);
    outcome o({a.at, b.at});
    const auto took = o.run();
    BOOST_TEST((took >= stagger));
    BOOST_TEST((took < stagger * 3));
    BOOST_TEST(o.port == b.at.port());
    BOOST_TEST(o.best.load() == 1u);
    outcome again({a.at, b.at});
    again.end();
    again.best = 1;
    again.runner = new upstream::race(again.loop, {&again.addresses, &again.best}, again);
    BOOST_TEST((again.run() < stagger));
    BOOST_TEST(again.port == b.at.port());
}

BOOST_AUTO_TEST_CASE(all_that_refuse_are_tried_and_the_error_is_theirs) {
    const port a(port::kind::refuses), b(port::kind::refuses), c(port::kind::refuses);
    outcome o({a.at, b.at, c.at});
    BOOST_TEST((o.run() < stagger));
    BOOST_TEST(o.error == ECONNREFUSED);
}

BOOST_AUTO_TEST_CASE(more_silent_ones_than_may_be_asked_at_a_time) {
    std::vector<port> silent;
    for (std::size_t i = 0; i < upstream::race::lanes_max + 2; ++i)
        silent.emplace_back(port::kind::silent);
    std::vector<socket_address> all;
    for (const auto& each : silent) all.push_back(each.at);
    outcome o(all);
    struct stopper {
        net::loop& loop;
        net::timer timer{[](void* self) { static_cast<stopper*>(self)->loop.stop(); }, this};
    } stop{o.loop};
    stop.timer.arm(o.loop.timers(), o.loop.now() + stagger * (upstream::race::lanes_max + 2));
    o.run();
    BOOST_TEST(o.port == 0);
    BOOST_TEST(o.error == 0);
}

BOOST_AUTO_TEST_SUITE_END()

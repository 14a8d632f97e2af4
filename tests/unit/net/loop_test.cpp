// What the loop does with time: the rest of it is seen in every conversation.

#define BOOST_TEST_DYN_LINK
#include <sys/eventfd.h>

#include <boost/test/unit_test.hpp>

#include "kernel/net/loop.hpp"

using namespace std::chrono_literals;
using namespace pkernel;

namespace {

// Is woken, loses longer than its timer's time within the turn, as a process that is stopped there
// does, and then arms that timer.
struct held : net::io_target {
    explicit held(net::loop& of) : loop(of), timer(&fired, this) {
        BOOST_REQUIRE(loop.add(fd.get(), *this));
    }
    void on_io(std::uint32_t) override {
        loop.remove(fd.get());
        const net::instant until = net::monotonic_now() + lost;
        while (net::monotonic_now() < until) {
        }
        resumed = net::monotonic_now();
        timer.arm(loop.timers(), loop.now() + allowed);
    }
    static void fired(void* self) {
        auto& me = *static_cast<held*>(self);
        me.waited = net::monotonic_now() - me.resumed;
        me.loop.stop();
    }
    static constexpr net::nanoseconds lost = 1100ms, allowed = 200ms;
    net::loop& loop;
    base::unique_fd fd{::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)};
    net::timer timer;
    net::instant resumed{};
    net::nanoseconds waited{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(loop)

BOOST_AUTO_TEST_CASE(what_a_turn_arms_after_a_stop_has_its_whole_time) {
    net::loop loop;
    held target(loop);
    loop.run();
    BOOST_TEST((target.waited >= held::allowed));
}

BOOST_AUTO_TEST_SUITE_END()

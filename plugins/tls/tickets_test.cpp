// The ring of ticket keys as workers have it.

#include "tickets.hpp"

#include <boost/test/unit_test.hpp>
#include <pkernel/host.hpp>

#include <cstring>
#include <thread>

using namespace std::chrono_literals;
using tls::ticket_key;
using tls::ticket_ring;

namespace {

tls::ticket_settings turning(std::chrono::seconds rotate, std::chrono::seconds lifetime) {
    tls::ticket_settings conf;
    conf.rotate = rotate;
    conf.lifetime = lifetime;
    return conf;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_tickets)

BOOST_AUTO_TEST_CASE(keys_of_before_are_thrown_away) {
    ticket_ring ring(turning(1h, 3h), 2, 0h);
    ring.sealing(1, 0h);  // A worker that has nothing to do after that.
    for (auto now = 0h; now < 1000h; ++now) ring.sealing(0, now);
    BOOST_TEST(ring.rings() <= 4u);
    BOOST_TEST(ring.export_keys().size() <= 5 * (ticket_key::size + sizeof(std::int64_t)));
}

// Two workers whose rings are turned under them: what each has been given stays whole. (TSan, ASan)
BOOST_AUTO_TEST_CASE(a_key_stays_while_its_worker_looks_at_it) {
    ticket_ring ring(turning(1s, 1s), 2, 0s);
    std::atomic<std::int64_t> lost{0};
    const auto work = [&](std::uint32_t worker) {
        for (std::chrono::seconds now = 0s; now < 3000s; ++now) {
            const ticket_key& seals = ring.sealing(worker, now);
            const ticket_key before = seals;
            std::this_thread::yield();
            if (std::memcmp(&before, &seals, sizeof before) != 0) ++lost;
        }
    };
    std::thread other(work, 1u);
    work(0);
    other.join();
    BOOST_TEST(lost == 0);
    BOOST_TEST(ring.rings() <= 4u);
}

BOOST_AUTO_TEST_CASE(no_more_keys_are_alive_than_are_worth_a_search) {
    BOOST_CHECK_THROW(ticket_ring(turning(1s, 24h), 1, 0s), pk::config_error);
    BOOST_CHECK_NO_THROW(ticket_ring(turning(1h, 7 * 24h), 1, 0s));
}

BOOST_AUTO_TEST_SUITE_END()

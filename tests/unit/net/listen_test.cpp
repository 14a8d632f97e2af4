#define BOOST_TEST_DYN_LINK
#include "kernel/net/listen.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdlib>

using namespace pkernel;
using net::listen_spec;
using net::listen_step;

namespace {

listen_spec loopback(std::uint16_t port) {
    pk_address ip{};
    ip.family = 4;
    ip.port = port;
    ip.bytes[0] = 127;
    ip.bytes[3] = 1;
    return {net::to_socket_address(ip)};
}

std::uint16_t port_of(const net::listen_result& opened) {
    return net::bound_address(opened.sockets.at(0).get()).port();
}

bool can_connect(const net::socket_address& to) {
    const base::unique_fd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(fd.get(), to.get(), to.size) == 0;
}

struct directory {
    char path[32] = "/tmp/pk-listen-XXXXXX";
    directory() { BOOST_REQUIRE(::mkdtemp(path) != nullptr); }
    ~directory() {
        ::unlink(file().c_str());
        ::rmdir(path);
    }
    std::string file() const { return std::string(path) + "/socket"; }
    listen_spec spec() const {
        config::address at;
        at.kind = config::address_kind::unix_socket;
        at.host = file();
        listen_spec out;
        BOOST_REQUIRE(net::to_listen_spec(at, out));
        return out;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(listen_)

BOOST_AUTO_TEST_CASE(port_0_is_chosen_once_for_all_sockets_of_an_address) {
    const auto opened = net::open_listeners(loopback(0), 3, {});
    BOOST_REQUIRE(opened.sockets.size() == 3u);
    const auto port = port_of(opened);
    BOOST_TEST(port != 0);
    for (const auto& each : opened.sockets) {
        BOOST_TEST(net::bound_address(each.get()).port() == port);
        BOOST_TEST((::fcntl(each.get(), F_GETFL) & O_NONBLOCK) != 0);
        BOOST_TEST((::fcntl(each.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
}

BOOST_AUTO_TEST_CASE(further_sockets_join_those_that_are_held) {
    const auto held = net::open_listeners(loopback(0), 1, {});
    const auto more = net::open_listeners(loopback(0), 2, held.sockets);
    BOOST_REQUIRE(more.sockets.size() == 2u);
    BOOST_TEST(port_of(more) == port_of(held));
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_refused_even_when_its_user_would_share_it) {
    const auto other = net::open_listeners(loopback(0), 1, {});
    const auto refused = net::open_listeners(loopback(port_of(other)), 1, {});
    BOOST_TEST(refused.sockets.empty());
    BOOST_TEST((refused.step == listen_step::bind));
    BOOST_TEST(refused.error == EADDRINUSE);
    BOOST_TEST(net::sentence(refused.step, refused.error, "127.0.0.1:80") ==
               "cannot listen on 127.0.0.1:80: the address is in use");
}

BOOST_AUTO_TEST_CASE(any_address_takes_IPv4_with_IPv6_or_alone) {
    listen_spec spec;
    BOOST_REQUIRE(net::to_listen_spec(config::address{}, spec));
    const auto opened = net::open_listeners(spec, 1, {});
    BOOST_REQUIRE(opened.sockets.size() == 1u);
    BOOST_TEST(can_connect(loopback(port_of(opened)).at));
}

BOOST_AUTO_TEST_CASE(an_address_of_another_machine_is_refused) {
    pk_address ip{};
    ip.family = 4;
    ip.bytes[0] = 192;
    ip.bytes[2] = 2;  // TEST-NET-1
    const auto refused = net::open_listeners({net::to_socket_address(ip)}, 1, {});
    BOOST_TEST(refused.error == EADDRNOTAVAIL);
}

BOOST_AUTO_TEST_CASE(a_unix_socket_is_one_and_its_stale_file_is_replaced) {
    const directory dir;
    {
        const auto first = net::open_listeners(dir.spec(), 4, {});
        BOOST_REQUIRE(first.sockets.size() == 1u);
        BOOST_TEST(net::to_text(net::bound_address(first.sockets[0].get())) ==
                   "unix:" + dir.file());
        const auto second = net::open_listeners(dir.spec(), 1, {});
        BOOST_TEST(second.sockets.empty());
        BOOST_TEST(second.error == EADDRINUSE);
    }
    const auto third = net::open_listeners(dir.spec(), 1, {});
    BOOST_TEST(third.sockets.size() == 1u);
    BOOST_TEST(can_connect(dir.spec().at));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {
    const directory dir;
    const base::unique_fd file(::open(dir.file().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const auto refused = net::open_listeners(dir.spec(), 1, {});
    BOOST_TEST(refused.error == EADDRINUSE);
    BOOST_TEST(::access(dir.file().c_str(), F_OK) == 0);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_not_there_is_bound_only_when_asked_for) {
    pk_address v4{}, v6{};
    v4.family = 4;
    const std::uint8_t documentation[4] = {192, 0, 2, 1};  // RFC 5737
    std::copy(std::begin(documentation), std::end(documentation), v4.bytes);
    v6.family = 6;
    v6.bytes[0] = 0x20, v6.bytes[1] = 0x01, v6.bytes[2] = 0x0d, v6.bytes[3] = 0xb8;  // RFC 3849
    for (const pk_address& ip : {v4, v6}) {
        listen_spec spec{net::to_socket_address(ip)};
        const auto refused = net::open_listeners(spec, 2, {});
        BOOST_TEST((refused.step == listen_step::bind));
        BOOST_TEST(refused.error == EADDRNOTAVAIL);
        BOOST_TEST(net::hint(refused.error, spec.at).find("freebind: true") != std::string::npos);
        spec.freebind = true;
        const auto opened = net::open_listeners(spec, 2, {});
        BOOST_REQUIRE(opened.sockets.size() == 2u);
        BOOST_TEST(net::bound_address(opened.sockets[1].get()).port() == port_of(opened));
    }
}

BOOST_AUTO_TEST_SUITE_END()

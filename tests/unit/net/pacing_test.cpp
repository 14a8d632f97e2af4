#include "kernel/net/pacing.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/address.hpp"

using namespace pkernel;

namespace {

net::socket_address v4(unsigned char a, unsigned char d) {
    pk_address ip{};
    ip.family = 4;
    ip.port = 80;
    ip.bytes[0] = a;
    ip.bytes[3] = d;
    return net::to_socket_address(ip);
}

net::socket_address v6(std::initializer_list<std::pair<int, unsigned char>> bytes) {
    pk_address ip{};
    ip.family = 6;
    for (const auto& [at, value] : bytes) ip.bytes[at] = value;
    return net::to_socket_address(ip);
}

std::string algorithm(int fd) {
    char name[16] = {};
    socklen_t size = sizeof name - 1;
    BOOST_REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0);
    return name;
}

std::string after(const net::socket_address& at) {
    const base::unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    net::no_pacing_on_loopback(fd.get(), at.get());
    return algorithm(fd.get());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pacing)

BOOST_AUTO_TEST_CASE(what_stays_on_this_machine) {
    BOOST_TEST(net::is_loopback(v4(127, 1).get()));
    BOOST_TEST(net::is_loopback(v4(127, 99).get()));
    BOOST_TEST(net::is_loopback(v6({{15, 1}}).get()));
    BOOST_TEST(net::is_loopback(v6({{10, 255}, {11, 255}, {12, 127}, {15, 1}}).get()));
}

BOOST_AUTO_TEST_CASE(what_may_leave_it) {
    BOOST_TEST(!net::is_loopback(v4(0, 0).get()));
    BOOST_TEST(!net::is_loopback(v4(10, 1).get()));
    BOOST_TEST(!net::is_loopback(v6({}).get()));
    BOOST_TEST(!net::is_loopback(v6({{0, 127}, {15, 1}}).get()));
    BOOST_TEST(!net::is_loopback(v6({{10, 255}, {11, 255}, {12, 10}, {15, 1}}).get()));
    const sockaddr local{AF_UNIX, {}};
    BOOST_TEST(!net::is_loopback(&local));
}

BOOST_AUTO_TEST_CASE(the_systems_choice_stands_but_for_one_that_paces_on_loopback) {
    const std::string systems = after(v4(10, 1));
    const bool paces = systems.starts_with("bbr");
    BOOST_TEST(after(v4(127, 1)) == (paces ? "reno" : systems));
    BOOST_TEST(after(v4(10, 1)) == systems);
}

BOOST_AUTO_TEST_SUITE_END()

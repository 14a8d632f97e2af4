#define BOOST_TEST_DYN_LINK
#include "kernel/net/address.hpp"

#include <boost/test/unit_test.hpp>

#include "kernel/net/socket.hpp"

using namespace pkernel;
using config::address_kind;

namespace {

config::address make(address_kind kind, std::string host, std::uint16_t port) {
    config::address out;
    out.kind = kind;
    out.host = std::move(host);
    out.port = port;
    return out;
}

std::string texts(const config::address& of) {
    std::string out;
    for (const auto& each : net::addresses_of(of)) out += net::to_text(each) + ' ';
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(each_kind_of_address_reads_back_as_people_write_it) {
    config::address v4 = make(address_kind::ip, "", 80);
    v4.ip.family = 4;
    v4.ip.bytes[0] = 127;
    v4.ip.bytes[3] = 1;
    config::address v6 = make(address_kind::ip, "", 8443);
    v6.ip.family = 6;
    v6.ip.bytes[15] = 1;
    BOOST_TEST(texts(v4) == "127.0.0.1:80 ");
    BOOST_TEST(texts(v6) == "[::1]:8443 ");
    BOOST_TEST(texts(make(address_kind::any, "", 8080)) == "[::]:8080 ");
    BOOST_TEST(texts(make(address_kind::unix_socket, "/run/a", 0)) == "unix:/run/a ");
    BOOST_TEST(texts(make(address_kind::name, "localhost", 3000)) == "127.0.0.1:3000 [::1]:3000 ");
    BOOST_TEST(texts(make(address_kind::name, "app.internal", 3000)) == "");
}

BOOST_AUTO_TEST_CASE(a_unix_path_has_a_longest_length) {
    const std::string longest(net::unix_path_bytes_max, 'x');
    BOOST_TEST(texts(make(address_kind::unix_socket, longest, 0)) == "unix:" + longest + " ");
    BOOST_TEST(texts(make(address_kind::unix_socket, longest + "x", 0)) == "");
}

BOOST_AUTO_TEST_CASE(goes_to_the_system_and_back) {
    for (const std::uint32_t family : {4u, 6u}) {
        pk_address ip{};
        ip.family = family;
        ip.port = 65535;
        ip.bytes[0] = 0x20;
        ip.bytes[3] = 7;
        const pk_address back = net::to_pk_address(net::to_socket_address(ip).storage);
        BOOST_TEST(net::to_text(back) == net::to_text(ip));
        BOOST_TEST(back.port == 65535u);
    }
    BOOST_TEST(net::to_text(pk_address{}) == "");
}

BOOST_AUTO_TEST_SUITE_END()

#define BOOST_TEST_DYN_LINK
#include "kernel/runtime/channel.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>

using namespace pkernel;
using runtime::channel;
using runtime::message;
using runtime::message_kind;

namespace {

message good_listen() {
    message m;
    m.kind = message_kind::listen;
    m.count = 2;
    pk_address ip{};
    ip.family = 4;
    ip.port = 80;
    m.set_spec({net::to_socket_address(ip)});
    m.set_owner("web");
    return m;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(channel_)

BOOST_AUTO_TEST_CASE(a_message_arrives_as_it_was_sent_with_its_descriptors) {
    auto [master, engine] = channel::make_pair();
    runtime::received got;
    BOOST_TEST((master.receive(got) == channel::status::empty));
    BOOST_TEST(engine.send(good_listen()));
    BOOST_TEST((master.receive(got) == channel::status::message));
    BOOST_TEST(got.text.words() == "web");
    BOOST_TEST(net::to_text(got.text.spec().at) == "0.0.0.0:80");

    message answer;
    answer.kind = message_kind::sockets;
    answer.count = 2;
    BOOST_TEST(master.send(answer, {0, 1}));
    BOOST_TEST((engine.receive(got) == channel::status::message));
    BOOST_TEST(got.fds.size() == 2u);
    engine = {};
    BOOST_TEST((master.receive(got) == channel::status::closed));
    BOOST_TEST(!master.send(answer));
}

BOOST_AUTO_TEST_CASE(each_field_is_checked) {
    BOOST_TEST(runtime::is_valid(good_listen(), sizeof(message), 0, true));
    BOOST_TEST(!runtime::is_valid(good_listen(), sizeof(message), 0, false));
    BOOST_TEST(!runtime::is_valid(good_listen(), sizeof(message) - 1, 0, true));
    BOOST_TEST(!runtime::is_valid(good_listen(), sizeof(message), 1, true));
    const std::function<void(message&)> damages[] = {
        [](message& m) { m.magic ^= 1; },
        [](message& m) { m.kind = message_kind{99}; },
        [](message& m) { m.kind = message_kind::drain; },
        [](message& m) { m.count = message::sockets_max + 1; },
        [](message& m) { m.fds = 1; },
        [](message& m) { m.any = 2; },
        [](message& m) { m.freebind = 2; },
        [](message& m) { m.backlog = -1; },
        [](message& m) { m.text_bytes = message::owner_bytes_max + 1; },
        [](message& m) { m.address_bytes = 17; },
        [](message& m) { m.address.ss_family = AF_INET6; },
        [](message& m) { m.address.ss_family = AF_NETLINK; },
        [](message& m) {  // A path without its end.
            std::memset(&m.address, 'x', sizeof m.address);
            m.address.ss_family = AF_UNIX;
            m.address_bytes = 20;
        },
    };
    int number = 0;
    for (const auto& damage : damages) {
        message m = good_listen();
        damage(m);
        BOOST_TEST(!runtime::is_valid(m, sizeof m, 0, true), "damage " << number);
        ++number;
    }
}

BOOST_AUTO_TEST_CASE(a_file_has_one_descriptor_and_an_absolute_path) {
    message m;
    m.kind = message_kind::file;
    m.count = m.fds = 1;
    BOOST_TEST(m.set_path("/etc/key.pem"));
    BOOST_TEST(runtime::is_valid(m, sizeof m, 1, false));
    BOOST_TEST(!runtime::is_valid(m, sizeof m, 1, true));
    message none = m;
    none.fds = 0;
    BOOST_TEST(!runtime::is_valid(none, sizeof m, 0, false));
    BOOST_TEST(m.set_path("key.pem"));
    BOOST_TEST(!runtime::is_valid(m, sizeof m, 1, false));
    m.text_bytes = message::text_bytes_max + 1;
    BOOST_TEST(!runtime::is_valid(m, sizeof m, 1, false));
    BOOST_TEST(!m.set_path(std::string(message::text_bytes_max + 1, '/')));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_message_are_told) {
    auto [master, engine] = channel::make_pair();
    runtime::received got;
    const std::string junk(sizeof(message) + 50, 'x');
    for (const std::size_t size : {std::size_t{1}, sizeof(message), junk.size()}) {
        BOOST_REQUIRE(::send(engine.fd(), junk.data(), size, 0) > 0);
        BOOST_TEST((master.receive(got) == channel::status::damaged));
    }
}

BOOST_AUTO_TEST_SUITE_END()

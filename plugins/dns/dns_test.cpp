// Drives the built .so through the C ABI, with a small name server on the loopback in the world's
// place. What servers lie about is in tests/integration/test_dns.py.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <pkernel/testing.hpp>
#include <string>
#include <thread>

using namespace std::literals;
using pk::testing::discovery_under_test;
using entry = discovery_under_test::entry;

namespace {

// Says of every name what `say` was given: the rcode, and 10.0.0.N for type A.
class server {
public:
    server() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        BOOST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0);
        BOOST_REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
        port_ = ntohs(at.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~server() {
        ended_ = true;
        thread_.join();
        ::close(fd_);
    }
    void say(int rcode, std::string addresses) {
        const std::lock_guard hold(mutex_);
        rcode_ = rcode;
        addresses_ = std::move(addresses);
    }
    std::string options(const std::string& more = "") const {
        return "servers: [ \"127.0.0.1:" + std::to_string(port_) +
               "\" ], timeout: 100ms, tries: 2" + (more.empty() ? "" : ", " + more);
    }
    int asked() const { return asked_; }

private:
    void run() {
        while (!ended_) {
            pollfd p{fd_, POLLIN, 0};
            if (::poll(&p, 1, 20) <= 0) continue;
            char bytes[1500];
            sockaddr_in from{};
            socklen_t size = sizeof from;
            const auto n =
                ::recvfrom(fd_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 12) continue;
            ++asked_;
            const auto reply = answer({bytes, static_cast<std::size_t>(n)});
            ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    }
    std::string answer(const std::string& query) {
        const std::lock_guard hold(mutex_);
        const auto end = query.find('\0', 12) + 5;
        const bool v4 = query[end - 3] == 1;
        const std::string all = v4 ? addresses_ : "";
        std::string out = query.substr(0, 2) + '\x81' + static_cast<char>(0x80 | rcode_) + "\0\1"s +
                          '\0' + static_cast<char>(all.size()) + "\0\0\0\0"s +
                          query.substr(12, end - 12);
        for (const char last : all) out += "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0"s + last;
        return out;
    }

    const int fd_;
    int port_ = 0;
    std::atomic<bool> ended_{false};
    std::atomic<int> asked_{0};
    std::mutex mutex_;
    int rcode_ = 3;
    std::string addresses_;
    std::thread thread_;
};

const auto has = [](std::vector<std::string> all) {
    return [all = std::move(all)](const entry& e) { return e.endpoints == all; };
};
const auto failed = [](const entry& e) { return !e.failure.empty(); };

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_discovery)

BOOST_AUTO_TEST_CASE(each_address_is_an_endpoint_and_changes_are_found) {
    server s;
    s.say(0, "\2\1");
    discovery_under_test plugin({"App.test"}, s.options());
    BOOST_TEST(plugin.until(has({"10.0.0.1:80", "10.0.0.2:80"})));
    s.say(0, "\3\2");  // TTL 0 is a second.
    BOOST_TEST(plugin.until(has({"10.0.0.2:80", "10.0.0.3:80"})));
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(all_of_them_are_one_endpoint_if_it_says_so) {
    server s;
    s.say(0, "\2\1");
    discovery_under_test plugin({"app.test"}, s.options("one_endpoint: true, family: ipv4"));
    BOOST_TEST(plugin.until(has({"named 10.0.0.1:80 10.0.0.2:80"})));
}

BOOST_AUTO_TEST_CASE(a_failure_takes_nothing_back) {
    server s;
    s.say(0, "\1");
    discovery_under_test plugin({"app.test"}, s.options());
    BOOST_TEST(plugin.until(has({"10.0.0.1:80"})));
    s.say(3, "");
    BOOST_TEST(plugin.until(failed));
    BOOST_TEST(plugin.said().failure == "the name does not exist (NXDOMAIN)");
    BOOST_TEST(plugin.said().endpoints.size() == 1u);
    s.say(0, "");
    BOOST_TEST(plugin.until([](const entry& e) { return e.failure == "the name has no address"; }));
    s.say(0, "\1");
    BOOST_TEST(plugin.until([](const entry& e) { return e.failure.empty(); }));
}

BOOST_AUTO_TEST_CASE(one_who_comes_later_learns_what_is_known) {
    server s;
    s.say(0, "\1");
    discovery_under_test plugin({"app.test"}, s.options());
    BOOST_TEST(plugin.until(has({"10.0.0.1:80"})));
    const auto found = plugin.said().found;
    plugin.watch_again();
    BOOST_TEST(plugin.said().found == found + 1);
    plugin.unwatch_first();
    s.say(0, "\2");
    BOOST_TEST(plugin.until(has({"10.0.0.2:80"})));
    BOOST_TEST(plugin.violations().empty());
}

BOOST_AUTO_TEST_CASE(one_thread_asks_once_for_all_instances) {
    server s;
    s.say(0, "\1");
    discovery_under_test one({"app.test"}, s.options("family: ipv4, ttl_min: 1h, ttl_max: 1h"));
    BOOST_TEST(one.until(has({"10.0.0.1:80"})));
    discovery_under_test two({"app.test"}, s.options("family: ipv4, ttl_min: 1h, ttl_max: 1h"));
    BOOST_TEST(two.said().endpoints.size() == 1u);
    BOOST_TEST(s.asked() == 1);
}

BOOST_AUTO_TEST_CASE(the_hosts_file_goes_first) {
    server s;
    s.say(0, "\1");
    discovery_under_test plugin({"localhost"}, s.options("family: ipv4"));
    BOOST_TEST(plugin.until(has({"127.0.0.1:80"})));
    BOOST_TEST(s.asked() == 0);
    discovery_under_test other({"localhost"}, s.options("family: ipv4, hosts_file: false"));
    BOOST_TEST(other.until(has({"10.0.0.1:80"})));
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_its_options) {
    const auto wrong = [](std::string_view options, std::string_view text) {
        return discovery_under_test::load_error(options).find(text) != std::string::npos;
    };
    BOOST_TEST(wrong("ttl_min: 10s, ttl_max: 5s", "ttl_min is more than ttl_max"));
    BOOST_TEST(wrong("ttl_min: 500ms", "ttl_min"));
    BOOST_TEST(wrong("servers: [ \"unix:/a\" ]", "an IP address with its port"));
    BOOST_TEST(wrong("family: ipx", "ipx"));
    BOOST_TEST(wrong("tries: 0", "tries"));
    BOOST_TEST(discovery_under_test::load_error("servers: [ \"[::1]:53\", \"127.0.0.1:53\" ]") ==
               "");
}

BOOST_AUTO_TEST_CASE(the_file_leaves_memory) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

// dns: follows what the host names of an upstream's endpoints stand for in the DNS.

#include <ares.h>
#include <pkernel/plugin.hpp>

#include <memory>
#include <string>
#include <vector>

#include "resolver.hpp"

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;
using dns::resolver;

enum class family { both, ipv4, ipv6 };

struct settings {
    std::vector<pk::socket_address> servers;
    family use = family::both;
    bool one_endpoint = false;
    nanoseconds ttl_min = 1s;
    nanoseconds ttl_max = 60s;
    nanoseconds timeout = 1s;
    std::uint32_t tries = 3;
    bool hosts_file = true;
    bool allow_local = false;
};

constexpr auto schema = pk::schema<settings>(
    pk::list("servers", &settings::servers, pk::address(),
             "Name servers, asked in this order; without it those of /etc/resolv.conf.")
        .main(),
    pk::choice("family", &settings::use, pk::words("both", "ipv4", "ipv6"),
               "Which addresses to ask for."),
    pk::boolean("one_endpoint", &settings::one_endpoint,
                "All addresses of a name are one endpoint, of which the first that connects "
                "serves; else each is an endpoint of its own."),
    pk::duration("ttl_min", &settings::ttl_min, "A name is not asked for more often than this.")
        .at_least(1s)
        .at_most(1h),
    pk::duration("ttl_max", &settings::ttl_max, "A name is asked for at least this often.")
        .at_least(1s)
        .at_most(24h),
    pk::duration("timeout", &settings::timeout,
                 "For a server's answer; twice as long at each further try.")
        .at_least(50ms)
        .at_most(30s),
    pk::integer("tries", &settings::tries,
                "How often each server is asked before that is a failure.")
        .at_least(1)
        .at_most(10),
    pk::boolean("hosts_file", &settings::hosts_file, "What /etc/hosts says goes before DNS."),
    pk::boolean("allow_local", &settings::allow_local,
                "Take addresses of this machine and its link (127.0.0.0/8, 169.254.0.0/16, ::1, "
                "fe80::/10) from DNS, too."));

int whole_ms(nanoseconds time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

// c-ares itself, as long as the plugin is mapped.
struct library {
    library() : status(ares_library_init(ARES_LIB_INIT_ALL)) {}
    ~library() {
        if (status == ARES_SUCCESS) ares_library_cleanup();
    }
    const int status;
};

class dns_discovery {
public:
    dns_discovery(const settings& conf, pk::host& h) : host_(h), one_(conf.one_endpoint) {
        static const library ares;
        if (ares.status != ARES_SUCCESS)
            throw pk::config_error(std::string("c-ares does not start: ") +
                                   ares_strerror(ares.status));
        if (conf.ttl_min > conf.ttl_max)
            throw pk::config_error("ttl_min", "ttl_min is more than ttl_max");
        for (const pk::socket_address& s : conf.servers) add_server(s.address);
        conf_.servers.timeout_ms = whole_ms(conf.timeout);
        conf_.servers.tries = static_cast<int>(conf.tries);
        conf_.ttl_min = std::chrono::ceil<dns::milliseconds>(conf.ttl_min);
        conf_.ttl_max = std::chrono::ceil<dns::milliseconds>(conf.ttl_max);
        conf_.ipv4 = conf.use != family::ipv6;
        conf_.ipv6 = conf.use != family::ipv4;
        conf_.hosts_file = conf.hosts_file;
        conf_.allow_local = conf.allow_local;
    }

    void start() { resolver_ = resolver::shared(conf_); }
    void stop() { resolver_.reset(); }

    void watch(pk::discovery_upstream u) { resolver_->watch(u, one_, host_); }
    void unwatch(pk::discovery_upstream u) { resolver_->unwatch(u); }

private:
    void add_server(const pk_address& a) {
        if (a.family != 4 && a.family != 6)
            throw pk::config_error("servers", "a name server is an IP address with its port");
        const std::string ip(pk::ip_text(a).view());
        auto& all = conf_.servers.servers;
        if (!all.empty()) all += ',';
        all +=
            (a.family == 6 ? '[' + ip + ']' : ip) + ':' + std::to_string(a.port != 0 ? a.port : 53);
    }

    const pk::host host_;
    const bool one_;
    dns::resolver_settings conf_;
    std::shared_ptr<resolver> resolver_;
};

}  // namespace

PKERNEL_PLUGIN("dns", "1.0.0", "Follows what host names of endpoints stand for in the DNS.",
               pk::discovery<dns_discovery, schema>);

// Asks name servers, on a thread of its own, and tells everybody who watches a name what it stands
// for, again and again.
//
// One for all instances with the same settings. All of it stands under one lock but for the wait:
// what is told after unwatch() has returned is nothing.

#pragma once

#include <pkernel/discovery.hpp>
#include <pkernel/host.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "answer.hpp"
#include "channel.hpp"

namespace dns {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

struct resolver_settings {
    channel_settings servers;
    milliseconds ttl_min{1000}, ttl_max{60'000};
    bool ipv4 = true, ipv6 = true;
    bool hosts_file = true;
    bool allow_local = false;
    auto operator<=>(const resolver_settings&) const = default;
};

class resolver {
public:
    static constexpr milliseconds again_first{1000};  // After a failure; doubled each time.
    static constexpr milliseconds again_last{8000};
    static constexpr milliseconds settle{50};        // The second family may come so much later.
    static constexpr std::size_t queries_max = 256;  // On the way at a time.

    // [control] The one with these settings, made if there is none.
    static std::shared_ptr<resolver> shared(const resolver_settings& conf);
    ~resolver();
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    // [any] `one_endpoint`: all addresses of a name together.
    void watch(const pk::discovery_upstream& who, bool one_endpoint, const pk::host& log);
    void unwatch(const pk::discovery_upstream& who);

private:
    enum class state : std::uint8_t { unknown, good, empty, failed };

    // What a name has of one family.
    struct half {
        record_type type;
        bool wanted = true, asked = false;
        state is = state::unknown;
        std::vector<pk_address> last;  // What was good last, sorted.
        std::string why;               // Of failed.
        clock::time_point due{};       // When it is asked, if it is not on the way.
        milliseconds delay{0};
    };
    struct watcher {
        pk::discovery_upstream upstream;
        std::uint32_t entry;
        bool one_endpoint;
        pk::host host;
    };
    struct name {
        std::string text;
        std::array<half, 2> halves;
        std::vector<watcher> watchers;
        clock::time_point settled = clock::time_point::max();  // When it is told.
        std::string told_of;  // What was left out last, for the log.
    };
    struct question;

    explicit resolver(const resolver_settings& conf);
    void run();
    int step(clock::time_point now);
    void renew_channel(clock::time_point now);
    void ask(const std::shared_ptr<name>& n, half& h);
    bool look_in_hosts(name& n, clock::time_point now);
    void answered(question& q, int status, std::string_view message);
    void take(name& n, half& h, const answer& a);
    void leave_out(name& n, std::vector<pk_address>& from, bool more);
    void fail(half& h, std::string_view why);
    void end_half(name& n, half& h);
    void tell(name& n);
    static void tell(const name& n, const watcher& w);
    static void tell_addresses(const name& n, const watcher& w);
    static bool is_good(const name& n);
    static std::vector<pk_address> addresses_of(const name& n);
    static std::string failure_of(const name& n);
    void note(name& n, std::string said);

    const resolver_settings conf_;
    std::mutex mutex_;
    bool ended_ = false;
    waker_fd wake_;
    std::unique_ptr<channel> channel_;
    clock::time_point channel_due_{};
    std::string channel_problem_;
    std::size_t on_the_way_ = 0;
    std::map<std::string, std::shared_ptr<name>> names_;
    std::thread thread_;
};

}  // namespace dns

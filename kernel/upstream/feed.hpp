// What the host names among an upstream's endpoints stand for at the moment: found out by a plugin
// of pk.discovery/1, or by the system.
//
// A feed outlives generations: it goes on in the next one where plugin and names are the same. What
// is found is kept until something else is found; a failure changes nothing. The control thread
// asks it, whoever finds something writes to it: a lock, that no request ever meets.

#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/model.hpp"
#include "kernel/net/address.hpp"
#include "kernel/plugin/instance.hpp"
#include "kernel/upstream/system_names.hpp"
#include "pkernel/abi/discovery.h"

namespace pkernel::upstream {

using net::socket_address;

// One endpoint that a name stands for.
struct discovered {
    std::vector<socket_address> addresses;  // Tried in order. Never empty.
    bool named = false;                     // Goes by the config's text; else by its one address.
    bool operator==(const discovered&) const = default;
};
using discovered_list = std::vector<discovered>;

// What all feeds of an engine share. Outlives them.
class discovery_port {
public:
    // `ring` is called on whatever thread has found something.
    discovery_port(plugin::services& all, std::function<void()> ring,
                   system_names::lookup_fn lookup = &system_names::by_libc);

    // [any]
    void changed();
    // [control] Whether something has changed since the last call.
    bool take_change();
    // [control] Until `done` says so, which is asked after each change, or the time is over.
    void wait(std::chrono::nanoseconds at_most, const std::function<bool()>& done);

    plugin::services& services;

private:
    friend class feed;
    const std::function<void()> ring_;
    std::mutex mutex_;
    std::condition_variable changes_;
    bool changed_ = false;
    std::uint64_t count_ = 0;
    system_names names_;
};

class feed : private pk_discovery_upstream, public std::enable_shared_from_this<feed> {
public:
    static constexpr std::uint32_t endpoints_max = 256;  // That one name stands for.
    static constexpr std::uint32_t addresses_max = 64;   // Of one endpoint.
    static constexpr std::size_t reason_bytes_max = 160;

    // `by` null: the system is asked, once, and again only while it knows nothing. Requires that
    // the upstream has names.
    feed(const config::upstream& conf, std::shared_ptr<plugin::instance> by, discovery_port& port);
    ~feed();
    feed(const feed&) = delete;
    feed& operator=(const feed&) = delete;

    static bool is_needed(const config::upstream& conf);
    // Whether it can go on for another config of the upstream.
    bool serves(const config::upstream& conf, const plugin::instance* by) const;

    // [control] Begins, once; its plugin has started. What is known is told within the call.
    void open();
    // [control] Ends for good: nothing is found any more. Before its plugin stops.
    void close();

    // [any] The endpoints of the config's `text`; empty: nothing has been found yet.
    std::optional<discovered_list> of(std::string_view text) const;
    // [any] Each name has been found, or could not be.
    bool answered() const;

    // [any] What a name stands for from now on; no endpoints at all is an answer, too.
    void found(std::uint32_t entry, discovered_list all);
    // [any] Logged where the reason is another one than before.
    void failed(std::uint32_t entry, std::string_view why);

private:
    struct name {
        std::string host, text;
        std::uint16_t port;
        std::optional<discovered_list> known;
        std::string failure;
    };
    static const feed& of(const pk_discovery_upstream* u) noexcept {
        return *static_cast<const feed*>(u);
    }
    static pk_status publish_found(const pk_discovery_upstream* u, std::uint32_t entry,
                                   const pk_discovered* all, std::uint32_t count,
                                   std::uint32_t stride);
    static void publish_failed(const pk_discovery_upstream* u, std::uint32_t entry, pk_str why);
    void ask_system();

    discovery_port& port_;
    const std::string upstream_;
    const std::shared_ptr<plugin::instance> by_;
    pk_discovery hooks_{};
    std::vector<pk_discovery_entry> entries_;
    bool opened_ = false;
    mutable std::mutex mutex_;
    bool closed_ = false;
    std::vector<name> names_;
};

}  // namespace pkernel::upstream

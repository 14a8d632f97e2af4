// Upstreams as a generation sees them: endpoints with what all workers share of them. Immutable
// after start, but for the shared counters. Any thread may read.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/config/model.hpp"
#include "kernel/net/address.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/plugin/instance.hpp"
#include "kernel/upstream/endpoint_health.hpp"
#include "kernel/upstream/feed.hpp"
#include "kernel/upstream/health.hpp"
#include "kernel/upstream/wait_room.hpp"
#include "pkernel/abi/balancer.h"

namespace pkernel::upstream {

using net::socket_address;

// What decides whether an idle connection may serve another request: compared field by field.
struct peer_key {
    std::string address;                          // Canonical text of the config.
    const plugin::instance* transport = nullptr;  // Its options are the instance's.
    auto operator<=>(const peer_key&) const = default;
};

// On a cache line of its own.
struct alignas(64) shared_counters {
    pk_endpoint_shared abi{0, 1, {0, 0}};
    std::atomic<std::uint32_t> best_address{0};  // Of several, the one that connected last.
};

struct endpoint {
    peer_key key;
    std::string peer_name;                  // Without port: whom a transport must find there.
    std::vector<socket_address> addresses;  // Tried in order. Never empty.
    std::uint32_t of = 0;                   // Which one of the config it comes from.
    bool named = false;                     // The config's name, whatever its addresses are now.
    std::uint32_t weight = 1;
    bool backup = false;
    bool in = true;       // By the config's `state`.
    bool drains = false;  // By the same: it serves those alone whom a balancer tied to it before.
    bool serves() const noexcept { return in || drains; }
    bool is_up() const noexcept { return serves() && !health->down(); }
    std::uint64_t connections_max = 0;  // Requests at a time, of all workers; 0: no limit.
    // Goes on in the next generation if the endpoint does.
    std::shared_ptr<shared_counters> shared = std::make_shared<shared_counters>();
    // Goes on in the next generation if the endpoint and the sources do.
    std::shared_ptr<endpoint_health> health;
};

// A balancer of an upstream: its own, or one inside of another.
struct balancer_use {
    std::shared_ptr<plugin::instance> instance;
    pk_balancer hooks{};
    std::uint32_t needs = 0;  // PK_BALANCER_...
};

struct upstream {
    using counter = std::atomic<std::uint32_t>;
    // `before`: the same upstream of the generation before, or null.
    explicit upstream(const upstream* before = nullptr)
        : shared_out(before ? before->shared_out : std::make_shared<counter>(0)),
          out(*shared_out),
          line(before ? before->line.room() : std::make_shared<wait_room>()) {}

    const config::upstream* conf = nullptr;
    std::string name;
    std::vector<endpoint> endpoints;                 // None where no name has been resolved yet.
    std::shared_ptr<class feed> feed;                // Of its names; null: it has none.
    std::shared_ptr<net::transport_plan> transport;  // Null: plain. Connections keep it.
    std::vector<balancer_use> balancers;             // The outermost first. None with one endpoint.
    std::uint32_t balancer_needs = 0;                // Of all of them.

    std::vector<std::unique_ptr<health_source>> health;
    bool passive_health = false;  // Some of them want to know how attempts ended.

    std::vector<pk_endpoint> abi_endpoints;
    pk_endpoints snapshot{};
    // Those that are candidates when nothing has happened: neither backup nor out by the config.
    std::vector<std::uint32_t> primaries;
    std::vector<std::uint32_t> draining;  // None where no balancer ties clients.
    // Endpoints out at the moment, down or full, that the config has in or drains; a full one that
    // is down counts twice. While there is none, a choice looks at no endpoint. [any], relaxed: a
    // hint; what health and in_flight say decides. One for all generations of the upstream, since
    // endpoints' counters and health are, too.
    const std::shared_ptr<counter> shared_out;
    counter& out;
    wait_line line;  // Of requests for which there is no place.
};

// The balancer `outer` with those inside it, appended to u.balancers; call once.
void add_balancers(upstream& u, const std::shared_ptr<plugin::instance>& outer);

// [any] Tells balancers whether health and the config let it be asked: when it comes in force, and
// when that has changed since.
void tell_usable(const endpoint& e) noexcept;

// Whether a kept connection to `peer` leads where the endpoint is now.
bool is_at(const endpoint& e, const pk_address& peer) noexcept;

// Fills abi_endpoints, snapshot, primaries and draining; balancers are there. Call once, when
// `endpoints` will not change any more.
void publish(upstream& u);

}  // namespace pkernel::upstream

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
};

struct endpoint {
    peer_key key;
    std::string peer_name;                  // Without port: whom a transport must find there.
    std::vector<socket_address> addresses;  // Tried in order. Never empty.
    std::uint32_t weight = 1;
    bool backup = false;
    std::uint64_t connections_max = 0;  // Requests at a time, of all workers; 0: no limit.
    std::unique_ptr<shared_counters> shared = std::make_unique<shared_counters>();
};

struct upstream {
    const config::upstream* conf = nullptr;
    std::string name;
    std::vector<endpoint> endpoints;
    std::unique_ptr<net::transport_plan> transport;  // Null: plain.
    std::shared_ptr<plugin::instance> balancer;      // Null with one endpoint.
    pk_balancer balancer_hooks{};
    std::uint32_t balancer_needs = 0;
    bool any_backup = false;

    std::vector<pk_endpoint> abi_endpoints;
    pk_endpoints snapshot{};
};

// The addresses to try for an endpoint; empty with a reason in `why` when there is none. May block
// on names: control thread only.
std::vector<socket_address> resolve(const config::address& address, std::string& why);

// Fills abi_endpoints and snapshot. Call once, when `endpoints` will not change any more.
void publish(upstream& u);

}  // namespace pkernel::upstream

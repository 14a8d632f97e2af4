// A generation as the workers use it: routes with their chains, listeners, upstreams, logs.
// Immutable once built; any thread may read. Built by runtime from the config, never changed.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/config/model.hpp"
#include "kernel/http/head.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/plugin/instance.hpp"
#include "kernel/upstream/connection.hpp"
#include "kernel/upstream/endpoint.hpp"
#include "pkernel/abi/attempt.h"
#include "pkernel/abi/codec.h"
#include "pkernel/abi/handler.h"
#include "pkernel/abi/http_filter.h"
#include "pkernel/abi/log.h"
#include "pkernel/abi/request.h"
#include "pkernel/abi/tunnel.h"

namespace pkernel::stream {

// The table copied whole (zeros where the plugin's is older), so that a hook is one load.
struct filter_plan {
    pk_http_filter hooks;
    std::shared_ptr<plugin::instance> instance;
    std::uint32_t interest = 0;  // PK_ON_...
};

struct handler_plan {
    pk_handler hooks;
    std::shared_ptr<plugin::instance> instance;
};

struct tunnel_plan {
    pk_tunnel hooks;
    std::shared_ptr<plugin::instance> instance;
    std::vector<std::string> protocols;  // As in Upgrade; never empty.
};

struct log_plan {
    pk_log hooks;
    std::shared_ptr<plugin::instance> instance;
};

// Statuses 100..599 as a set.
struct status_set {
    std::uint64_t words[8] = {};
    bool has(std::uint32_t status) const noexcept {
        const auto at = status - 100;
        return at < 500 && (words[at / 64] >> at % 64 & 1);
    }
};

struct attempt_use {
    pk_attempt hooks{};
    std::shared_ptr<plugin::instance> instance;
    status_set judged;
};

// What decides on the attempts of a route's requests.
struct attempt_policy {
    static constexpr std::uint64_t keeps_max = 128 * 1024;
    std::vector<std::shared_ptr<attempt_use>> uses;  // None: the kernel's own rule.
    status_set judged;                               // By any of them.
    std::uint64_t keeps = 0;                         // Bytes of a body, in memory,
    std::uint64_t spills = 0;                        // and in all where the rest may go to a file.
};

// Request fields that filters of a route vouch for, and the forwarding family, which every route
// claims.
struct claimed_names {
    std::uint64_t ids[2] = {0, 0};    // Well-known ones.
    std::vector<std::string> others;  // Lower case.
    bool claims(std::uint32_t id) const noexcept { return (ids[id >> 6] >> (id & 63)) & 1; }
};

struct codec_plan {
    pk_codec hooks{};
    std::shared_ptr<plugin::instance> instance;  // Null: the built-in HTTP/1.1.
    std::vector<std::string> protocols;          // ALPN ids, best first.
};

// Stands alone: a connection keeps that of the generation that accepted it, and no more of that.
struct listener_plan {
    std::shared_ptr<const config::listener> conf;
    std::uint32_t index = 0;  // Of its generation.
    // Open connections, of all workers together; that of the listener in whose place it came.
    std::shared_ptr<std::atomic<std::uint64_t>> connections;
    std::string name;
    http::head_limits head_limits;
    std::vector<std::shared_ptr<log_plan>> logs;
    std::unique_ptr<net::transport_plan> transport;  // Null: plain.
    std::vector<codec_plan> codecs;                  // Never empty.
    pk_codec_limits codec_limits{};
    bool secure = false;
};

struct route_plan {
    const config::route* conf = nullptr;
    std::string label;
    std::vector<std::shared_ptr<filter_plan>> filters;
    std::vector<std::shared_ptr<tunnel_plan>> upgrades;
    std::shared_ptr<handler_plan> handler;  // Or:
    std::uint32_t upstream = 0;             // Index into generation::upstreams.
    upstream::exchange_limits
        exchange;  // Of an attempt: the upstream's, overridden by the route's.
    attempt_policy attempts;
    claimed_names claimed;
    std::vector<std::shared_ptr<log_plan>> logs;
    std::uint32_t interest = 0;  // Of all filters together.
};

// What finds the route; the router is behind it.
class route_finder {
public:
    static constexpr std::uint32_t none = UINT32_MAX;
    virtual ~route_finder() = default;
    // Index of the first route that matches, or `none`.
    virtual std::uint32_t find(const pk_request& request, const http::fields& fields,
                               std::uint32_t listener) const = 0;
};

using route_list = std::vector<std::unique_ptr<route_plan>>;

// What names stand for changes more often than a config: then another one follows that has all
// but some of its upstreams in common with the one before.
struct generation {
    std::uint64_t number = 0;
    std::shared_ptr<const config::model> model;
    std::vector<std::shared_ptr<upstream::upstream>> upstreams;
    std::vector<std::shared_ptr<listener_plan>> listeners;
    std::shared_ptr<const route_list> routes;
    std::shared_ptr<const route_list> direct;  // By upstream: no filter, for subrequests.
    std::shared_ptr<const route_finder> router;
    std::vector<std::shared_ptr<log_plan>> logs;
    std::vector<std::shared_ptr<log_plan>>
        all_logs;           // Those of listeners and routes too, once each.
    claimed_names claimed;  // Of a request without a route.
    std::vector<std::shared_ptr<plugin::instance>> instances;  // All of them, once each.
};

}  // namespace pkernel::stream

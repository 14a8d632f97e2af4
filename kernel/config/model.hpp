// The kernel's own sections of the config as plain structs, checked and with defaults filled in.
//
// Immutable once loaded; any thread may read it. Values of a route already hold what `defaults`
// says.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/config/plugin_use.hpp"
#include "kernel/config/position.hpp"
#include "pkernel/abi/base.h"

namespace pkernel::config {

using nanoseconds = std::chrono::nanoseconds;

// The same pointer twice means one instance in two places (a filter of `defaults`).
using use_ptr = std::shared_ptr<plugin_use>;

enum class address_kind {
    any,          // ":80": every address, IPv6 with IPv4
    ip,           // in `ip`, family 4 or 6
    unix_socket,  // in `host`: the path; "@x" is not special
    name          // in `host`: to be resolved; endpoints only
};

struct address {
    address_kind kind = address_kind::any;
    std::string text;  // Canonical: "127.0.0.1:80", "[::1]:80", ":80", "unix:/p", "localhost:80".
    std::string host;
    std::uint16_t port = 0;
    pk_address ip{};
    position at;
    bool freebind = false;  // Of a listener: no interface needs to have it.
};

struct listener_timeouts {
    nanoseconds head, handshake, body_stall, client_idle, write_stall, linger, tunnel_idle;
};

struct listener_limits {
    std::uint64_t request_line, field, head;  // bytes
    std::uint32_t fields;
    std::uint64_t memory;              // bytes, of a connection
    std::uint64_t connections;         // 0: as many as the fds allow
    std::uint64_t keepalive_requests;  // 0: no limit
    std::uint32_t streams;             // At once, on a connection that has several.
    std::uint64_t streams_total;
    std::uint64_t stream_window, connection_window;  // bytes
};

struct listener {
    std::string name;
    position at;
    config::address address;
    std::vector<use_ptr> filters;
    use_ptr transport;            // null: plain
    std::vector<use_ptr> codecs;  // Never empty; the built-in one has built_in set.
    std::vector<use_ptr> logs;
    listener_timeouts timeouts;
    listener_limits limits;
};

enum class endpoint_state { up, drain, down };

struct endpoint {
    config::address address;
    std::uint32_t weight = 1;
    bool backup = false;
    std::uint64_t connections_max = 0;  // 0: no limit
    endpoint_state state = endpoint_state::up;
};

struct upstream_timeouts {
    nanoseconds connect, send, response, stall, idle;
};

struct upstream_limits {
    std::uint64_t response_head;  // bytes
    std::uint32_t response_fields, informational;
};

// Of one upstream.
inline constexpr std::uint32_t health_sources_max = 8;

struct upstream {
    std::string name;
    position at;
    std::vector<endpoint> endpoints;
    use_ptr balancer;   // null only with a single endpoint
    use_ptr discovery;  // null: the system resolves names
    std::vector<use_ptr> health, attempt;
    use_ptr transport;
    upstream_timeouts timeouts;
    upstream_limits limits;
    std::uint32_t idle_per_endpoint_max, idle_total_max;
    bool try_all_down = false;  // Else requests are refused when health has no endpoint up.
    // Of requests that are sent once more: a share of all, and how many a second whatever the
    // share.
    std::uint32_t retry_percent = 20, retries_least = 3;
    std::uint32_t queue_max = 0;  // Requests that wait for a place, of all workers; 0: none does.
    nanoseconds queue_timeout{};
    std::optional<std::string> host;  // Replaces the Host field.
    bool via = true;
};

struct host_pattern {
    std::string text;     // Lower case; of "*.example.com": "example.com".
    bool suffix = false;  // Any name below `text`, not `text` itself.
};

enum class path_kind { none, prefix, exact };

// A condition on a field or query parameter: its value if `value` is set, else its presence.
struct name_match {
    std::string name;  // A field's in lower case.
    std::optional<std::string> value;
    bool present = true;
    position at;
};

struct match {
    position at;
    std::optional<std::string> listener;
    std::vector<host_pattern> hosts;  // Empty: every host.
    path_kind path_is = path_kind::none;
    std::string path;  // As written, beginning with '/'.
    position path_at;
    std::vector<std::string> methods;
    std::vector<name_match> headers, query;

    // The same for matches that mean the same in every respect but the order of their parts.
    std::string canonical;
};

// Absent: the upstream's or listener's own.
struct route_timeouts {
    std::optional<nanoseconds> send, response, stall, body_stall, write_stall, tunnel_idle;
};

struct route_limits {
    std::uint64_t request_body, collect, spill;  // bytes
    position request_body_at;                    // Where it was set; line 0: the default.
};

struct route {
    std::string name;   // Empty when not given.
    std::string label;  // For people and logs: the name, or "#4" for the fourth.
    position at;
    config::match match;
    std::vector<use_ptr> filters;          // Those of `defaults` first.
    std::optional<std::uint32_t> forward;  // Index into model::upstreams; else `handler` is set.
    use_ptr handler;
    std::vector<use_ptr> upgrade, logs, attempt;
    route_timeouts timeouts;
    route_limits limits;
};

// Files for what of bodies does not fit into memory.
struct spill {
    std::string directory;
    std::uint64_t total = 0;  // bytes, of all such files of the engine
};

struct model {
    std::string file;  // The path that was loaded.
    std::vector<listener> listeners;
    std::vector<upstream> upstreams;
    std::vector<route> routes;
    std::vector<use_ptr> logs;  // For every stream.
    std::optional<std::uint32_t> workers;
    position workers_at;
    std::optional<std::uint64_t> memory;  // bytes, of the process
    position memory_at;
    nanoseconds lag_max{};  // 0: no limit.
    config::spill spill;
    std::optional<std::string> user;
    position user_at;

    // Every use that a section names, once each, in the order of reading. Not the inner ones.
    std::vector<use_ptr> uses;

    digest identity;  // Of the whole content: equal means that a reload has nothing to do.
    std::shared_ptr<const file_names> names;
};

}  // namespace pkernel::config

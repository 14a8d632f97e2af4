#include "kernel/config/model_reader.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <system_error>

#include "kernel/config/endpoint_address.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

constexpr std::size_t name_max = 64;

nanoseconds duration(const value& table, std::string_view name) {
    return nanoseconds(child(table, name).integer);
}

std::uint64_t number(const value& table, std::string_view name) {
    return static_cast<std::uint64_t>(child(table, name).integer);
}

std::uint32_t small(const value& table, std::string_view name) {
    return static_cast<std::uint32_t>(child(table, name).integer);
}

// Texts of an instance's options, which may be the names of upstreams.
void collect_texts(const pk_node& n, std::set<std::string_view>& out) {
    if (n.type == PK_OPT_TEXT) out.insert(view(n.text));
    for (std::uint32_t i = 0; i < n.count; ++i) {
        collect_texts(static_cast<const value*>(n.first)[i], out);
    }
}

// An inner use stands in its outer one's place.
void name_inner(plugin_use& outer) {
    std::map<std::string, std::uint32_t> seen;
    for (auto& inner : outer.inner) {
        inner.use->owner = outer.owner + " / " + outer.name + '#' + std::to_string(outer.ordinal);
        inner.use->ordinal = seen[inner.use->point + ' ' + inner.use->name]++;
        name_inner(*inner.use);
    }
}

}  // namespace

void model_reader::error(code number, const value& at, std::string message) {
    error(number, at, std::move(message), {}, {});
}

void model_reader::error(code number, const value& at, std::string message, std::string hint,
                         std::string note) {
    diagnostic d;
    d.number = number;
    d.at = position_of(at);
    d.message = std::move(message);
    d.hint = std::move(hint);
    if (!note.empty()) d.notes.push_back(std::move(note));
    out_.add(std::move(d));
}

use_ptr model_reader::use(const value& plugin, const std::string& owner) {
    if (plugin.type != PK_OPT_PLUGIN || plugin.use == value::no_use) return nullptr;
    const auto [known, is_new] = taken_.emplace(&plugin, uses_[plugin.use]);
    if (is_new) {
        plugin_use& u = *known->second;
        u.owner = owner;
        u.ordinal = ordinals_[u.point + ' ' + owner + ' ' + u.name]++;
        name_inner(u);
    }
    return known->second;
}

std::vector<use_ptr> model_reader::use_list(const value& list, const std::string& owner) {
    std::vector<use_ptr> out;
    for (std::uint32_t i = 0; i < list.count; ++i) {
        if (auto u = use(element(list, i), owner)) out.push_back(std::move(u));
    }
    return out;
}

bool model_reader::name_ok(std::string_view name, const value& where) {
    const bool ok = !name.empty() && name.size() <= name_max &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                               (c >= 'A' && c <= 'Z') ||
                               std::string_view("._-/:@").find(c) != std::string_view::npos;
                    });
    if (!ok) {
        error(code::bad_name, where,
              in_quotes(name) + " is not a name; use 1 to " + std::to_string(name_max) +
                  " letters, digits and . _ - / : @");
    }
    return ok;
}

std::shared_ptr<model> model_reader::read(const value& root) {
    const bool whole = out_.errors() == 0;
    auto m = std::make_shared<model>();
    m->names = out_.files().names();
    m->uses = uses_;
    const value& listeners = child(root, "listeners");
    for (std::uint32_t i = 0; i < listeners.count; ++i) listener(element(listeners, i), *m);
    const value& upstreams = child(root, "upstreams");
    for (std::uint32_t i = 0; i < upstreams.count; ++i) upstream(element(upstreams, i), *m);
    routes(child(root, "routes"), child(root, "defaults"), *m);
    m->logs = use_list(child(root, "logs"), "top");
    if (const value& w = child(root, "workers"); present(w)) {
        m->workers = static_cast<std::uint32_t>(w.integer);
        m->workers_at = position_of(w);
    }
    if (const value& memory = child(child(root, "limits"), "memory"); present(memory)) {
        m->memory = static_cast<std::uint64_t>(memory.integer);
        m->memory_at = position_of(memory);
    }
    m->lag_max = duration(child(root, "limits"), "lag");
    spill(child(root, "spill"), *m);
    if (const value& u = child(root, "user"); present(u)) {
        m->user = view(u.text);
        m->user_at = position_of(u);
    }
    if (whole && listeners.count == 0) {
        error(code::no_listeners, root,
              "there is no listener; write 'listeners: [ { address: \":8080\" } ]'");
    }
    if (whole && child(root, "routes").count == 0) {
        error(code::no_routes, root,
              "there is no route; write 'routes: [ { forward: NAME } ]' for one that fits all");
    }
    unused_upstreams(*m);
    return m;
}

// Whether it can be written to is seen when it is: by another user, and with room for it.
void model_reader::spill(const value& v, model& m) {
    const char* const usual = std::getenv("TMPDIR");
    m.spill.directory = usual && *usual ? usual : "/var/tmp";
    m.spill.total = number(v, "total");
    const value& where = child(v, "directory");
    if (!present(where)) return;
    m.spill.directory = view(where.text);
    struct stat found {};
    if (::stat(m.spill.directory.c_str(), &found) != 0)
        error(code::spill_directory, where,
              "spill.directory " + shown(where) + ": " + std::generic_category().message(errno));
    else if (!S_ISDIR(found.st_mode))
        error(code::spill_directory, where, "spill.directory " + shown(where) + " is no directory");
}

void model_reader::listener(const value& v, model& m) {
    config::listener l;
    l.at = position_of(v);
    const value& where = child(v, "address");
    if (present(where)) {
        parsed_address parsed = parse_listener_address(view(where.text));
        if (!parsed.ok) error(parsed.number, where, shown(where) + ' ' + parsed.problem);
        l.address = std::move(parsed.value);
        l.address.at = position_of(where);
        // Of port 0 there can be many.
        const bool one_only = l.address.kind == address_kind::unix_socket || l.address.port != 0;
        const auto [first, is_new] = addresses_.emplace(l.address.text, l.address.at);
        if (!is_new && one_only && !l.address.text.empty()) {
            error(code::duplicate_address, where, shown(where) + " is listened on twice", {},
                  "the first one is in line " + std::to_string(first->second.line));
        }
    }
    l.address.freebind = child(v, "freebind").integer != 0;
    const value& name = child(v, "name");
    l.name = present(name) && name_ok(view(name.text), name) ? std::string(view(name.text))
                                                             : l.address.text;
    const auto [first, is_new] = listener_names_.emplace(l.name, l.at);
    if (!is_new && present(name)) {
        error(code::duplicate_listener, name, "a second listener is named " + shown(name), {},
              "the first one is in line " + std::to_string(first->second.line));
    }
    const std::string owner = "listener " + l.name;
    l.filters = use_list(child(v, "filters"), owner);
    l.transport = use(child(v, "transport"), owner);
    l.codecs = use_list(child(v, "codecs"), owner);
    l.logs = use_list(child(v, "logs"), owner);
    const value& t = child(v, "timeouts");
    l.timeouts = {duration(t, "head"),        duration(t, "handshake"),   duration(t, "body_stall"),
                  duration(t, "client_idle"), duration(t, "write_stall"), duration(t, "linger"),
                  duration(t, "tunnel_idle")};
    const value& limits = child(v, "limits");
    l.limits = {number(limits, "request_line"),
                number(limits, "field"),
                number(limits, "head"),
                small(limits, "fields"),
                number(limits, "memory"),
                number(limits, "connections"),
                number(limits, "keepalive_requests"),
                small(limits, "streams"),
                number(limits, "streams_total"),
                number(limits, "stream_window"),
                number(limits, "connection_window")};
    m.listeners.push_back(std::move(l));
}

void model_reader::endpoint(const value& v, config::upstream& u, std::set<std::string>& seen) {
    config::endpoint e;
    const value& where = child(v, "address");
    if (!present(where)) return;
    parsed_address parsed = parse_endpoint_address(view(where.text));
    if (!parsed.ok) {
        error(parsed.number, where, "endpoint " + shown(where) + ' ' + parsed.problem);
        return;
    }
    e.address = std::move(parsed.value);
    e.address.at = position_of(where);
    e.weight = small(v, "weight");
    e.backup = child(v, "backup").integer != 0;
    e.connections_max = number(v, "max_connections");
    e.state = static_cast<endpoint_state>(child(v, "state").integer);
    if (!seen.insert(e.address.text).second) {
        error(code::duplicate_endpoint, where, "endpoint " + shown(where) + " is given twice", {},
              "a larger share is written as 'weight: 2'");
    }
    u.endpoints.push_back(std::move(e));
}

// Each name of an upstream with a discovery may stand for several endpoints.
void model_reader::needs_balancer(const value& v, const config::upstream& u) {
    const auto offered = plugins_.offered("pk.balancer/1");
    std::vector<std::string_view> names(offered.begin(), offered.end());
    std::sort(names.begin(), names.end());
    error(code::balancer_missing, v,
          "upstream " + in_quotes(u.name) + " has " +
              (child(v, "endpoints").count > 1
                   ? std::to_string(child(v, "endpoints").count) + " endpoints"
                   : std::string("a discovery")) +
              " and no balancer; write 'balancer: NAME' under it",
          {}, names.empty() ? "" : "balancers here: " + joined(names));
}

void model_reader::upstream(const value& v, model& m) {
    config::upstream u;
    u.name = view(v.key);
    u.at = position_of(v);
    name_ok(u.name, v);
    const std::string owner = "upstream " + u.name;
    const value& endpoints = child(v, "endpoints");
    std::set<std::string> seen;
    for (std::uint32_t i = 0; i < endpoints.count; ++i) endpoint(element(endpoints, i), u, seen);
    u.balancer = use(child(v, "balancer"), owner);
    const bool several = endpoints.count > 1 || given(child(v, "discovery"));
    if (several && !given(child(v, "balancer"))) needs_balancer(v, u);
    u.discovery = use(child(v, "discovery"), owner);
    u.health = use_list(child(v, "health"), owner);
    if (u.health.size() > health_sources_max)
        error(code::out_of_range, child(v, "health"),
              "upstream " + in_quotes(u.name) + " has " + std::to_string(u.health.size()) +
                  " health sources; at most " + std::to_string(health_sources_max));
    u.try_all_down = child(v, "all_down").integer != 0;
    u.attempt = use_list(child(v, "attempt"), owner);
    u.transport = use(child(v, "transport"), owner);
    const value& t = child(v, "timeouts");
    u.timeouts = {duration(t, "connect"), duration(t, "send"), duration(t, "response"),
                  duration(t, "stall"), duration(t, "idle")};
    const value& limits = child(v, "limits");
    u.limits = {number(limits, "response_head"), small(limits, "response_fields"),
                small(limits, "informational")};
    u.idle_per_endpoint_max = small(child(v, "pool"), "idle_per_endpoint");
    u.idle_total_max = small(child(v, "pool"), "idle_total");
    u.retry_percent = small(child(v, "retry_budget"), "percent");
    u.retries_least = small(child(v, "retry_budget"), "least");
    u.queue_max = small(child(v, "queue"), "size");
    u.queue_timeout = duration(child(v, "queue"), "timeout");
    const bool limited = std::any_of(u.endpoints.begin(), u.endpoints.end(),
                                     [](const auto& e) { return e.connections_max > 0; });
    if (u.queue_max > 0 && !limited)
        out_.warning(code::useless_queue, position_of(child(v, "queue")),
                     "upstream " + in_quotes(u.name) +
                         " has a queue, but no endpoint has 'max_connections': nobody ever waits");
    if (const value& host = child(v, "host"); present(host)) u.host = view(host.text);
    u.via = child(v, "via").integer == 0;
    upstream_index_.emplace(u.name, static_cast<std::uint32_t>(m.upstreams.size()));
    m.upstreams.push_back(std::move(u));
}

void model_reader::unused_upstreams(const model& m) {
    if (out_.errors() != 0) return;  // A route that could not be read may be the one.
    std::set<std::string_view> used;
    for (const auto& r : m.routes) {
        if (r.forward) used.insert(m.upstreams[*r.forward].name);
    }
    for (const auto& u : uses_) {
        if (u->options != nullptr) collect_texts(*u->options, used);
    }
    for (const auto& u : m.upstreams) {
        if (used.contains(u.name)) continue;
        out_.warning(code::unused_upstream, u.at,
                     "upstream " + in_quotes(u.name) + " is not used by any route");
    }
}

}  // namespace pkernel::config

#include "kernel/upstream/endpoint_set.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace pkernel::upstream {

namespace {

constexpr std::size_t shown_max = 16;  // Endpoints in a line of the log.

// Of an endpoint, what its name decides on.
struct place {
    std::uint32_t of;
    std::string text;
    std::vector<socket_address> addresses;
    bool named;
    bool is(const endpoint& e) const {
        return of == e.of && text == e.key.address && named == e.named && addresses == e.addresses;
    }
};

void add_known(const config::address& name, std::uint32_t of, discovered_list all,
               std::vector<place>& out) {
    for (discovered& one : all) {
        std::string text = one.named ? name.text : net::to_text(one.addresses.front());
        out.push_back({of, std::move(text), std::move(one.addresses), one.named});
    }
}

void add_as_before(const config::address& name, std::uint32_t of, const upstream& before,
                   std::vector<place>& out) {
    for (const endpoint& e : before.endpoints)
        if (before.conf->endpoints[e.of].address.text == name.text)
            out.push_back({of, e.key.address, e.addresses, e.named});
}

std::vector<place> places_of(const upstream& u, const upstream* before) {
    std::vector<place> all;
    for (std::uint32_t i = 0; i < u.conf->endpoints.size(); ++i) {
        const config::address& at = u.conf->endpoints[i].address;
        auto fixed = net::addresses_of(at);
        if (!fixed.empty()) {
            all.push_back({i, at.text, std::move(fixed), false});
            continue;
        }
        auto known = u.feed ? u.feed->of(at.text) : std::nullopt;
        if (known)
            add_known(at, i, std::move(*known), all);
        else if (before)
            add_as_before(at, i, *before, all);
    }
    std::set<std::string> seen;
    std::vector<place> once;
    for (place& p : all)
        if (seen.insert(p.text).second) once.push_back(std::move(p));
    return once;
}

// The name that requests ask for is the one that the origin must have.
std::string peer_name(const config::upstream& u, const config::address& at) {
    if (!u.host) return at.kind == config::address_kind::ip ? net::host_text(at.ip) : at.host;
    const auto& host = *u.host;
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

// What is in flight at the same endpoint goes on being counted. With another limit it is not: each
// generation tells by its own when the endpoint becomes full. Its health goes on with the sources
// that it comes from.
void go_on_from(const endpoint& old, endpoint& made, bool same_sources) {
    if (old.serves() != made.serves()) return;
    if (old.connections_max == made.connections_max) made.shared = old.shared;
    if (same_sources) made.health = old.health;
}

void add(upstream& u, place&& at, const std::map<peer_key, const endpoint*>& before,
         bool same_sources) {
    const config::endpoint& e = u.conf->endpoints[at.of];
    endpoint& made = u.endpoints.emplace_back();
    made.key.address = std::move(at.text);
    if (u.transport) made.key.transport = u.transport->instance.get();
    made.peer_name = peer_name(*u.conf, e.address);
    made.addresses = std::move(at.addresses);
    made.of = at.of;
    made.named = at.named;
    made.weight = e.weight;
    made.backup = e.backup;
    made.connections_max = e.connections_max;
    made.in = e.state == config::endpoint_state::up;
    made.drains = e.state == config::endpoint_state::drain;
    made.health = std::make_shared<endpoint_health>(made.serves() ? u.shared_out : nullptr);
    if (const auto old = before.find(made.key); old != before.end())
        go_on_from(*old->second, made, same_sources);
}

void add_all(upstream& u, std::vector<place> places, const upstream* before, bool same_sources) {
    std::map<peer_key, const endpoint*> old;
    if (before)
        for (const endpoint& e : before->endpoints) old[e.key] = &e;
    u.endpoints.reserve(places.size());
    for (place& p : places) add(u, std::move(p), old, same_sources);
}

std::string shown(const endpoint& e) {
    if (!e.named) return e.key.address;
    std::string out = e.key.address + " at";
    for (const socket_address& a : e.addresses) out += ' ' + net::to_text(a);
    return out;
}

// Those of `all` that `others` has not, in the words of the log.
std::string difference(const char* word, const upstream& all, const upstream& others) {
    std::string out;
    std::size_t count = 0;
    for (const endpoint& e : all.endpoints) {
        const auto same = [&](const endpoint& o) {
            return o.key == e.key && o.addresses == e.addresses;
        };
        if (std::any_of(others.endpoints.begin(), others.endpoints.end(), same)) continue;
        if (++count <= shown_max) out += (count == 1 ? "" : ", ") + shown(e);
    }
    if (count == 0) return out;
    if (count > shown_max) out += " and " + std::to_string(count - shown_max) + " more";
    return std::string("; ") + word + ' ' + out;
}

}  // namespace

void add_endpoints(upstream& u, const upstream* before, bool same_sources) {
    add_all(u, places_of(u, before), before, same_sources);
}

std::shared_ptr<upstream> with_new_endpoints(const upstream& from, std::string& said) {
    if (!from.feed) return nullptr;
    auto places = places_of(from, &from);
    const bool same =
        std::equal(places.begin(), places.end(), from.endpoints.begin(), from.endpoints.end(),
                   [](const place& p, const endpoint& e) { return p.is(e); });
    if (same) return nullptr;
    auto u = std::make_shared<upstream>(&from);
    u->conf = from.conf;
    u->name = from.name;
    u->feed = from.feed;
    u->transport = from.transport;
    u->balancers = from.balancers;
    u->balancer_needs = from.balancer_needs;
    add_all(*u, std::move(places), &from, true);
    publish(*u);
    for (const auto& source : from.health) add_health_source(*u, source->instance);
    const auto changes = difference("new:", *u, from) + difference("gone:", from, *u);
    said.clear();
    if (!changes.empty())
        said = "upstream '" + u->name + "' has " + std::to_string(u->endpoints.size()) +
               (u->endpoints.size() == 1 ? " endpoint" : " endpoints") + changes;
    return u;
}

}  // namespace pkernel::upstream

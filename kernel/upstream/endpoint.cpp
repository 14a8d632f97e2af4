#include "kernel/upstream/endpoint.hpp"

#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "kernel/http/fields.hpp"

namespace pkernel::upstream {

namespace {

std::atomic<std::uint64_t> versions{0};

// The first of each family, then the second of each, and so on; the first family is the system's.
std::vector<socket_address> take_turns(const std::vector<socket_address>& from) {
    std::vector<socket_address> own, other, out;
    for (const socket_address& a : from)
        (a.family() == from.front().family() ? own : other).push_back(a);
    for (std::size_t i = 0; i < std::max(own.size(), other.size()); ++i) {
        if (i < own.size()) out.push_back(own[i]);
        if (i < other.size()) out.push_back(other[i]);
    }
    return out;
}

std::vector<socket_address> of_name(const std::string& name, std::uint16_t port, std::string& why) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int rc = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (rc != 0) {
        why = ::gai_strerror(rc);
        return {};
    }
    std::vector<socket_address> out;
    for (const addrinfo* a = found; a; a = a->ai_next) {
        socket_address one;
        std::memcpy(&one.storage, a->ai_addr, a->ai_addrlen);
        one.size = a->ai_addrlen;
        out.push_back(one);
    }
    ::freeaddrinfo(found);
    return take_turns(out);
}

}  // namespace

std::vector<socket_address> resolve(const config::address& address, std::string& why) {
    auto known = net::addresses_of(address);
    if (!known.empty()) return known;
    if (address.kind == config::address_kind::name) return of_name(address.host, address.port, why);
    why = "a unix socket's path has at most 107 bytes";
    return {};
}

void add_balancers(upstream& u, const std::shared_ptr<plugin::instance>& outer) {
    balancer_use& made = u.balancers.emplace_back();
    made.instance = outer;
    made.hooks = outer->table<pk_balancer>();
    if (made.hooks.needs) made.needs = made.hooks.needs(outer->self());
    if (!made.hooks.result) made.needs &= ~unsigned{PK_BALANCER_RESULTS};
    u.balancer_needs |= made.needs;
    for (const auto& inner : outer->inner())
        if (inner->use().point == PK_BALANCER_ID) add_balancers(u, inner);
}

void publish(upstream& u) {
    u.abi_endpoints.clear();
    for (endpoint& e : u.endpoints) {
        e.shared->abi.usable = e.in && !e.health->down() ? 1 : 0;
        if (!e.backup && e.in)
            u.primaries.push_back(static_cast<std::uint32_t>(u.abi_endpoints.size()));
        pk_endpoint out{};
        out.address = http::to_str(e.key.address);
        out.weight = e.weight;
        if (e.backup) out.flags |= PK_ENDPOINT_BACKUP;
        if (!e.in) out.flags |= PK_ENDPOINT_OUT;
        out.shared = &e.shared->abi;
        u.abi_endpoints.push_back(out);
    }
    u.snapshot.size = sizeof u.snapshot;
    u.snapshot.count = static_cast<std::uint32_t>(u.abi_endpoints.size());
    u.snapshot.stride = sizeof(pk_endpoint);
    u.snapshot.first = u.abi_endpoints.data();
    u.snapshot.version = ++versions;
}

}  // namespace pkernel::upstream

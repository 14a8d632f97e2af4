#include "kernel/upstream/endpoint.hpp"

#include <algorithm>

#include "kernel/http/fields.hpp"

namespace pkernel::upstream {

namespace {

std::atomic<std::uint64_t> versions{0};

}  // namespace

bool is_at(const endpoint& e, const pk_address& peer) noexcept {
    const auto here = net::to_socket_address(peer);
    return std::find(e.addresses.begin(), e.addresses.end(), here) != e.addresses.end();
}

void tell_usable(const endpoint& e) noexcept {
    __atomic_store_n(&e.shared->abi.usable, e.is_up() ? 1u : 0u, __ATOMIC_RELAXED);
}

void add_balancers(upstream& u, const std::shared_ptr<plugin::instance>& outer) {
    balancer_use& made = u.balancers.emplace_back();
    made.instance = outer;
    made.hooks = outer->table<pk_balancer>();
    if (made.hooks.needs) made.needs = outer->ask(made.hooks.needs);
    if (!made.hooks.result) made.needs &= ~unsigned{PK_BALANCER_RESULTS};
    u.balancer_needs |= made.needs;
    for (const auto& inner : outer->inner())
        if (inner->use().point == PK_BALANCER_ID) add_balancers(u, inner);
}

void publish(upstream& u) {
    u.abi_endpoints.clear();
    for (endpoint& e : u.endpoints) {
        if (!e.backup && e.in)
            u.primaries.push_back(static_cast<std::uint32_t>(u.abi_endpoints.size()));
        if (e.drains && (u.balancer_needs & PK_BALANCER_TIES))
            u.draining.push_back(static_cast<std::uint32_t>(u.abi_endpoints.size()));
        pk_endpoint out{};
        out.address = http::to_str(e.key.address);
        out.weight = e.weight;
        if (e.backup) out.flags |= PK_ENDPOINT_BACKUP;
        if (!e.in) out.flags |= PK_ENDPOINT_OUT;
        if (e.drains) out.flags |= PK_ENDPOINT_DRAINS;
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

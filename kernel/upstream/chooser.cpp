#include "kernel/upstream/chooser.hpp"

#include "kernel/plugin/call_marker.hpp"

namespace pkernel::upstream {

namespace {

bool usable(const endpoint& e) noexcept {
    return __atomic_load_n(&e.shared->abi.usable, __ATOMIC_RELAXED) != 0;
}

// splitmix64: balancers get fresh bits without a call to the system.
std::uint64_t next_random(std::uint64_t& state) noexcept {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

pk_status no_response_field(const pk_pick*, pk_str, pk_str) noexcept {
    return PK_UNSUPPORTED;
}

}  // namespace

chooser::chooser(const upstream& of, pool& connections, plugin::marker_slot& marker,
                 std::uint32_t worker, std::uint64_t seed)
    : upstream_(of), marker_(marker), worker_(worker), random_(seed) {
    for (const endpoint& e : of.endpoints) peers_.push_back(&connections.of(e.key));
    words_.resize(of.endpoints.size() * 2);
    candidates_.reserve(of.endpoints.size());
}

std::uint32_t chooser::pick(const tried& before, pk_stream* stream) {
    const auto& all = upstream_.endpoints;
    if (before.count == tried::attempts_max) return PK_NO_ENDPOINT;
    if (all.size() == 1) return before.count == 0 && usable(all[0]) ? 0 : PK_NO_ENDPOINT;

    bool every = before.count == 0 && !upstream_.any_backup;
    if (every)
        for (const endpoint& e : all) every = every && usable(e);
    if (every) return ask(nullptr, static_cast<std::uint32_t>(all.size()), before, stream);

    for (const bool backups : {false, true}) {
        candidates_.clear();
        for (std::uint32_t i = 0; i < all.size(); ++i)
            if (all[i].backup == backups && usable(all[i]) && !before.has(i))
                candidates_.push_back(i);
        if (!candidates_.empty())
            return ask(candidates_.data(), static_cast<std::uint32_t>(candidates_.size()), before,
                       stream);
    }
    return PK_NO_ENDPOINT;
}

std::uint32_t chooser::ask(const std::uint32_t* candidates, std::uint32_t count,
                           const tried& before, pk_stream* stream) {
    pk_pick choice{};
    choice.size = sizeof choice;
    choice.worker = worker_;
    choice.endpoints = &upstream_.snapshot;
    choice.candidates = candidates;
    choice.candidate_count = count;
    choice.attempt = before.count + 1;
    choice.words = words_.data();
    choice.random = next_random(random_);
    choice.stream = stream;
    choice.response_field = &no_response_field;
    plugin::call_marker mark(marker_, upstream_.balancer->number());
    const auto index = upstream_.balancer_hooks.pick(upstream_.balancer->self(), &choice);
    const bool legal = index < upstream_.endpoints.size() && !before.has(index);
    return legal ? index : PK_NO_ENDPOINT;
}

bool chooser::reserve(std::uint32_t index) noexcept {
    const endpoint& e = upstream_.endpoints[index];
    if (!counts(e)) return true;
    std::uint32_t* at = &e.shared->abi.in_flight;
    if (e.connections_max == 0) {
        __atomic_fetch_add(at, 1, __ATOMIC_RELAXED);
        return true;
    }
    std::uint32_t now = __atomic_load_n(at, __ATOMIC_RELAXED);
    do {
        if (now >= e.connections_max) return false;
    } while (
        !__atomic_compare_exchange_n(at, &now, now + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

void chooser::release(std::uint32_t index) noexcept {
    const endpoint& e = upstream_.endpoints[index];
    if (counts(e)) __atomic_fetch_sub(&e.shared->abi.in_flight, 1, __ATOMIC_RELAXED);
}

void chooser::keep(std::uint32_t index, connection* c) {
    const config::upstream& conf = *upstream_.conf;
    std::size_t idle = 0;
    for (const peer_pool* p : peers_) idle += p->size();
    if (idle >= conf.idle_total_max) return c->abandon();
    peers_[index]->keep(c, conf.timeouts.idle, conf.idle_per_endpoint_max);
}

void chooser::result(std::uint32_t index, std::uint32_t cause, net::nanoseconds took) {
    if (!(upstream_.balancer_needs & PK_BALANCER_RESULTS)) return;
    plugin::call_marker mark(marker_, upstream_.balancer->number());
    upstream_.balancer_hooks.result(upstream_.balancer->self(), &upstream_.snapshot, index, cause,
                                    static_cast<std::uint64_t>(took.count()));
}

}  // namespace pkernel::upstream

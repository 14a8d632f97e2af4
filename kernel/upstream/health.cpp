#include "kernel/upstream/health.hpp"

#include <algorithm>

#include "kernel/base/log.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/upstream/endpoint.hpp"

namespace pkernel::upstream {

namespace {

const health_source& source_of(const pk_health_upstream* u) noexcept {
    return *static_cast<const health_source*>(u);
}

void tell(const health_source& s, const endpoint& e) {
    const bool down = e.health->down();
    base::log(down ? base::log_level::warning : base::log_level::info,
              "upstream '" + s.of.name + "', endpoint " + e.key.address + ": " +
                  (down ? "down" : "up") + " (" + s.instance->use().name + " says " +
                  e.health->said(s.number) + ")");
}

pk_status publish_state(const pk_health_upstream* u, std::uint32_t index,
                        const pk_health_state* state) {
    const auto& s = source_of(u);
    if (index >= s.of.endpoints.size() || state->state > PK_HEALTH_DOWN) return PK_INVALID;
    const endpoint& e = s.of.endpoints[index];
    if (!e.health->publish(s.number, *state, net::monotonic_now())) return PK_OK;
    tell_usable(e);
    tell(s, e);
    return PK_OK;
}

void count_endpoints(const pk_health_upstream* u, std::uint32_t* all, std::uint32_t* up) {
    *all = *up = 0;
    for (const endpoint& e : source_of(u).of.endpoints) {
        *all += e.in;
        *up += e.in && !e.health->down();
    }
}

std::uint64_t* words_of(const pk_health_upstream* u, std::uint32_t index) {
    const auto& s = source_of(u);
    return index < s.of.endpoints.size() ? s.of.endpoints[index].health->words(s.number) : nullptr;
}

}  // namespace

health_source::health_source(upstream& u, std::uint32_t n, std::shared_ptr<plugin::instance> i)
    : pk_health_upstream{sizeof(pk_health_upstream),
                         0,
                         {u.name.data(), u.name.size()},
                         &u.snapshot,
                         &publish_state,
                         &count_endpoints,
                         &words_of},
      of(u),
      number(n),
      instance(std::move(i)),
      hooks(instance->table<pk_health>()) {}

void add_health_source(upstream& u, std::shared_ptr<plugin::instance> instance) {
    const auto number = static_cast<std::uint32_t>(u.health.size());
    u.health.push_back(std::make_unique<health_source>(u, number, std::move(instance)));
    u.passive_health |= u.health.back()->hooks.outcome != nullptr;
}

}  // namespace pkernel::upstream

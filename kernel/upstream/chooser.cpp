#include "kernel/upstream/chooser.hpp"

#include <algorithm>
#include <utility>

#include "kernel/plugin/call_marker.hpp"

namespace pkernel::upstream {

namespace {

// Sequentially consistent, as is giving a place back: wait_room::place_is_free.
std::uint32_t in_flight(const endpoint& e) noexcept {
    return __atomic_load_n(&e.shared->abi.in_flight, __ATOMIC_SEQ_CST);
}

bool has_room(const endpoint& e) noexcept {
    return e.connections_max == 0 || in_flight(e) < e.connections_max;
}

bool has_place(const endpoint& e) noexcept {
    return e.in && has_room(e);
}

// splitmix64: balancers get fresh bits without a call to the system.
std::uint64_t next_random(std::uint64_t& state) noexcept {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct inner_handle : pk_inner_balancer {
    inner_handle(pk_inner_balancer table, const plugin::instance& i)
        : pk_inner_balancer(table), inner(i) {}
    const plugin::instance& inner;
};

}  // namespace

// The choice that this thread is making: an inner balancer may be asked in it and at no other time.
struct chooser::choice_under_way {
    chooser& by;
    const pk_pick& first;  // As the outermost balancer got it.
    unsigned depth = 1;
    static thread_local choice_under_way* now;
};
thread_local chooser::choice_under_way* chooser::choice_under_way::now = nullptr;

chooser::chooser(upstream& of, pool& connections, plugin::marker_slot& marker, std::uint32_t worker,
                 std::uint64_t seed)
    : upstream_(of),
      pool_(connections),
      marker_(marker),
      worker_(worker),
      random_(seed),
      budget_(of.conf->retry_percent, of.conf->retries_least) {
    for (const endpoint& e : of.endpoints) {
        peers_.push_back(connections.of(e.key));
        tell_usable(e);
    }
    words_.assign(of.balancers.size(), std::vector<std::int64_t>(of.endpoints.size() * 2));
    candidates_.reserve(of.endpoints.size());
    draining_.reserve(of.draining.size());
}

void chooser::stay(pool& connections) const {
    for (const endpoint& e : upstream_.endpoints) connections.of(e.key);
}

namespace {

bool is_same_to_balancers(const endpoint& a, const endpoint& b) {
    return a.key == b.key && a.weight == b.weight && a.backup == b.backup && a.in == b.in &&
           a.drains == b.drains;
}

}  // namespace

void chooser::go_on_from(const chooser& before) {
    budget_.go_on_from(before.budget_);
    const auto& old = before.upstream_;
    // What a balancer keeps of one endpoint may tell of the others: indices, sums of weights.
    if (!std::equal(upstream_.endpoints.begin(), upstream_.endpoints.end(), old.endpoints.begin(),
                    old.endpoints.end(), is_same_to_balancers))
        return;
    for (std::size_t b = 0; b < upstream_.balancers.size(); ++b) {
        if (b == old.balancers.size()) return;
        if (upstream_.balancers[b].instance != old.balancers[b].instance) return;
        words_[b] = before.words_[b];
    }
}

std::uint32_t chooser::pick(const tried& before, net::instant now, pk_stream* stream,
                            response_field_fn response_field) {
    const auto& all = upstream_.endpoints;
    early_ = false;
    if (before.count == tried::attempts_max) return PK_NO_ENDPOINT;
    find_draining(before, now);
    // The usual case costs nothing by endpoint.
    if (before.count == 0 && upstream_.out.load(std::memory_order_relaxed) == 0) {
        const auto& primaries = upstream_.primaries;
        if (all.size() == 1 && draining_.empty()) return all[0].in ? 0 : PK_NO_ENDPOINT;
        const bool every = primaries.size() == all.size();
        if (!primaries.empty())
            return ask(every ? nullptr : primaries.data(), primaries.size(), before, stream,
                       response_field);
    }
    if (!find_candidates(before, now, false)) {
        early_ = find_candidates(before, now, true);
        if (!early_ && draining_.empty()) return PK_NO_ENDPOINT;
    }
    if (all.size() == 1 && draining_.empty()) return 0;
    return ask(candidates_.data(), candidates_.size(), before, stream, response_field);
}

void chooser::find_draining(const tried& before, net::instant now) {
    draining_.clear();
    for (const auto i : upstream_.draining) {
        const endpoint& e = upstream_.endpoints[i];
        if (has_room(e) && !before.has(i) && may_ask(e, now, false)) draining_.push_back(i);
    }
}

// Those that may be picked: primaries, if there are none backups. `early`: as no one is up, those
// that are down, too.
bool chooser::find_candidates(const tried& before, net::instant now, bool early) {
    const auto& all = upstream_.endpoints;
    for (const bool backups : {false, true}) {
        candidates_.clear();
        for (std::uint32_t i = 0; i < all.size(); ++i) {
            const endpoint& e = all[i];
            if (e.backup != backups || !has_place(e) || before.has(i)) continue;
            if (may_ask(e, now, early)) candidates_.push_back(i);
        }
        if (!candidates_.empty()) return true;
    }
    return false;
}

// Whether health lets a request go there: `early` says that nobody else is up.
bool chooser::may_ask(const endpoint& e, net::instant now, bool early) const noexcept {
    const auto& health = *e.health;
    return !health.down() || (early && upstream_.conf->try_all_down) ||
           health.trial_due(now, early);
}

std::uint32_t chooser::left(const tried& before, net::instant now) const noexcept {
    if (before.count == tried::attempts_max) return 0;
    const auto& all = upstream_.endpoints;
    std::uint32_t n = upstream_.conf->queue_max > 0 ? full(before) : 0;
    for (const bool early : {false, true}) {
        for (std::uint32_t i = 0; i < all.size(); ++i)
            n += has_place(all[i]) && !before.has(i) && may_ask(all[i], now, early);
        if (n > 0) break;
    }
    return n;
}

std::uint32_t chooser::index_of(const endpoint& other) const noexcept {
    const auto& all = upstream_.endpoints;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const endpoint& e) { return e.shared == other.shared; });
    return found == all.end() ? PK_NO_ENDPOINT : static_cast<std::uint32_t>(found - all.begin());
}

bool chooser::is_up(std::uint32_t index) const noexcept {
    return upstream_.endpoints[index].is_up();
}

std::uint32_t chooser::ask(const std::uint32_t* candidates, std::size_t count, const tried& before,
                           pk_stream* stream, response_field_fn response_field) {
    pk_pick choice{};
    choice.size = sizeof choice;
    choice.worker = worker_;
    choice.endpoints = &upstream_.snapshot;
    choice.candidates = candidates;
    choice.candidate_count = static_cast<std::uint32_t>(count);
    choice.attempt = before.count + 1;
    choice.random = next_random(random_);
    choice.stream = stream;
    choice.response_field = response_field;
    choice_under_way here{*this, choice};
    choice_under_way::now = &here;
    const auto index = call(0, choice);
    choice_under_way::now = nullptr;
    return index;
}

// Asks one of the balancers. What it answers is a candidate, an endpoint that is drained if it ties
// clients to endpoints, or PK_NO_ENDPOINT.
std::uint32_t chooser::call(std::size_t balancer, const pk_pick& choice) {
    const balancer_use& use = upstream_.balancers[balancer];
    pk_pick own = choice;
    own.words = words_[balancer].data();
    if (use.needs & PK_BALANCER_TIES) {
        own.draining = draining_.data();
        own.draining_count = static_cast<std::uint32_t>(draining_.size());
    }
    if (own.candidates && own.candidate_count + own.draining_count == 0) return PK_NO_ENDPOINT;
    plugin::call_marker mark(marker_, use.instance->number());
    const auto index = use.hooks.pick(use.instance->self(), &own);
    if (!own.candidates) return index < upstream_.endpoints.size() ? index : PK_NO_ENDPOINT;
    const auto is_in = [index](const std::uint32_t* list, std::uint32_t count) {
        return std::find(list, list + count, index) != list + count;
    };
    const bool may =
        is_in(own.candidates, own.candidate_count) || is_in(own.draining, own.draining_count);
    return may ? index : PK_NO_ENDPOINT;
}

// Of a copy only the candidates count: the rest is what the outermost was given.
std::uint32_t chooser::ask_inner(const plugin::instance& inner, const pk_pick& choice) {
    choice_under_way& here = *choice_under_way::now;
    const auto& all = upstream_.balancers;
    const auto found = std::find_if(all.begin() + 1, all.end(), [&](const balancer_use& u) {
        return u.instance.get() == &inner;
    });
    if (found == all.end() || here.depth == depth_max) return PK_NO_ENDPOINT;
    pk_pick own = here.first;
    own.candidates = choice.candidates;
    own.candidate_count = choice.candidate_count;
    ++here.depth;
    const auto index = call(static_cast<std::size_t>(found - all.begin()), own);
    --here.depth;
    return index;
}

// The thunk behind the handle. Outside of a pick there is nothing to choose from.
std::uint32_t pick_inner(const pk_inner_balancer* inner, const pk_pick* choice) {
    auto* here = chooser::choice_under_way::now;
    if (!here || !choice) return PK_NO_ENDPOINT;
    return here->by.ask_inner(static_cast<const inner_handle*>(inner)->inner, *choice);
}

plugin::services::handle_maker inner_balancers() {
    return [](plugin::instance& inner) -> std::shared_ptr<const void> {
        const pk_inner_balancer abi{sizeof abi, 0, &pick_inner};
        const std::shared_ptr<const pk_inner_balancer> made =
            std::make_shared<const inner_handle>(abi, inner);
        return made;
    };
}

bool chooser::reserve(std::uint32_t index, net::instant now, std::uint32_t* trial) noexcept {
    const endpoint& e = upstream_.endpoints[index];
    auto& health = *e.health;
    *trial = PK_TRIAL_NONE;
    if (!reserve_room(e)) return false;
    if (!health.down()) return true;
    if (health.begin_trial(now, false))
        *trial = PK_TRIAL_DUE;
    else if (early_ && upstream_.conf->try_all_down)
        *trial = PK_TRIAL_FORCED;
    else if (early_ && health.begin_trial(now, true))
        *trial = PK_TRIAL_EARLY;
    else
        release(index);
    return *trial != PK_TRIAL_NONE;
}

bool chooser::reserve_room(const endpoint& e) noexcept {
    if (!counts(e)) return true;
    std::uint32_t* at = &e.shared->abi.in_flight;
    if (e.connections_max == 0) {
        __atomic_fetch_add(at, 1, __ATOMIC_RELAXED);
        return true;
    }
    std::uint32_t now = in_flight(e);
    do {
        if (now >= e.connections_max) return false;
    } while (
        !__atomic_compare_exchange_n(at, &now, now + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    if (now + 1 == e.connections_max) upstream_.out.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void chooser::release(std::uint32_t index) noexcept {
    const endpoint& e = upstream_.endpoints[index];
    if (!counts(e)) return;
    const auto before = __atomic_fetch_sub(&e.shared->abi.in_flight, 1, __ATOMIC_SEQ_CST);
    if (before == e.connections_max) upstream_.out.fetch_sub(1, std::memory_order_relaxed);
    if (e.connections_max > 0) upstream_.line.room()->place_is_free();
}

bool chooser::all_down() const noexcept {
    bool any = false;
    for (const endpoint& e : upstream_.endpoints) {
        if (!e.in) continue;
        if (!e.health->down()) return false;
        any = true;
    }
    return any && !upstream_.conf->try_all_down;
}

std::uint32_t chooser::full(const tried& before) const noexcept {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < upstream_.endpoints.size(); ++i) {
        const endpoint& e = upstream_.endpoints[i];
        const bool asked = !e.health->down() || upstream_.conf->try_all_down;
        n += e.in && asked && !has_place(e) && !before.has(i);
    }
    return n;
}

wait_door& chooser::door(net::loop& loop) {
    if (!door_) door_ = std::make_unique<wait_door>(upstream_.line, loop);
    return *door_;
}

void chooser::outcome(const pk_attempt_facts& facts, std::uint32_t trial) {
    for (const auto& source : upstream_.health) {
        if (!source->hooks.outcome) continue;
        const pk_health_outcome what{sizeof what, trial, source.get(), &facts};
        plugin::call_marker mark(marker_, source->instance->number());
        source->hooks.outcome(source->instance->self(), &what);
    }
}

void chooser::keep(std::uint32_t index, connection* c) {
    const config::upstream& conf = *upstream_.conf;
    if (pool_.size() >= conf.idle_total_max) {  // Else theirs cannot be so many either.
        std::size_t idle = 0;
        for (const auto& p : peers_) idle += p->size();
        if (idle >= conf.idle_total_max) return c->abandon();
    }
    peers_[index]->keep(c, conf.timeouts.idle, conf.idle_per_endpoint_max);
}

void chooser::result(std::uint32_t index, std::uint32_t cause, net::nanoseconds took) {
    if (!(upstream_.balancer_needs & PK_BALANCER_RESULTS)) return;
    for (const balancer_use& use : upstream_.balancers) {
        if (!(use.needs & PK_BALANCER_RESULTS)) continue;
        plugin::call_marker mark(marker_, use.instance->number());
        use.hooks.result(use.instance->self(), &upstream_.snapshot, index, cause,
                         static_cast<std::uint64_t>(took.count()));
    }
}

}  // namespace pkernel::upstream

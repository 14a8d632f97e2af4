// Which endpoint the next attempt goes to: the balancer's pick among those that may be picked.
//
// One for each upstream and worker, on that worker's thread.

#pragma once

#include <cstdint>
#include <vector>

#include "kernel/plugin/services.hpp"
#include "kernel/upstream/endpoint.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/upstream/retry_budget.hpp"
#include "pkernel/abi/stream.h"

namespace pkernel::upstream {

// Which endpoints one request has tried. At most attempts_max of them.
struct tried {
    static constexpr std::uint32_t attempts_max = 16;
    std::uint32_t index[attempts_max];
    std::uint32_t count = 0;
    bool has(std::uint32_t i) const noexcept {
        for (std::uint32_t k = 0; k < count; ++k)
            if (index[k] == i) return true;
        return false;
    }
};

class chooser {
public:
    static constexpr unsigned depth_max = 8;  // Of balancers inside of balancers.
    using response_field_fn = pk_status (*)(const pk_pick*, pk_str name, pk_str value);

    // `connections` and `of` outlive it.
    chooser(upstream& of, pool& connections, plugin::marker_slot& marker, std::uint32_t worker,
            std::uint64_t seed);

    // The index of an endpoint that was not tried yet, primaries before backups, or PK_NO_ENDPOINT.
    // One that is drained, only if a balancer knows that the request belongs there.
    // One that is down but on trial counts as up. `stream` is the handle that the balancer may read
    // the request by; `response_field` is what it may call meanwhile.
    std::uint32_t pick(const tried& before, net::instant now, pk_stream* stream,
                       response_field_fn response_field);
    // Whether health has taken out every endpoint that the config has in, so that there is nothing
    // but their trials.
    bool all_down() const noexcept;

    // How many endpoints could be picked yet, those included for whose place a queue would wait.
    std::uint32_t left(const tried& before, net::instant now) const noexcept;
    // Whether it may be asked, limits aside.
    bool is_up(std::uint32_t index) const noexcept;
    // What may be sent once more, of this worker's requests.
    retry_budget& budget() noexcept { return budget_; }

    // How many others may be asked but have no place now, so that waiting for one makes sense.
    std::uint32_t full(const tried& before) const noexcept;
    // Where requests of this worker wait; what comes now has to if anybody does.
    wait_door& door(net::loop& loop);
    bool anybody_waits() const noexcept { return upstream_.line.anybody(); }
    // Who waits at the chooser of a generation before waits here (wait_door::move_to).
    void take_waiters_of(chooser& before, net::loop& loop) {
        if (before.door_) before.door_->move_to(door(loop));
    }

    // How an attempt at it ended, for balancers that ask.
    void result(std::uint32_t index, std::uint32_t cause, net::nanoseconds took);

    // Counts a request at the endpoint that was just picked where its limit or the balancer asks
    // for it, and begins its trial if it is down; *trial is PK_TRIAL_... False: it has become full,
    // or its trial was taken.
    bool reserve(std::uint32_t index, net::instant now, std::uint32_t* trial) noexcept;
    void release(std::uint32_t index) noexcept;

    // The same for health sources that ask.
    void outcome(const pk_attempt_facts& facts, std::uint32_t trial);
    bool wants_outcomes() const noexcept { return upstream_.passive_health; }

    // Keeps a reusable connection within the upstream's pool limits.
    void keep(std::uint32_t index, connection* c);

    // Goes on where the one before a reload is. What balancers keep for the endpoints goes on with
    // the same instances and the very same endpoints: else it is zero, as the ABI promises.
    void go_on_from(const chooser& before);

    const upstream& of() const noexcept { return upstream_; }
    // The very same endpoint, with its counters, of another generation; or PK_NO_ENDPOINT.
    std::uint32_t index_of(const endpoint& other) const noexcept;
    // Whether requests at it are counted.
    bool counts(std::uint32_t index) const noexcept { return counts(upstream_.endpoints[index]); }
    // Its endpoints are in the config still (pool::begin_round).
    void stay(pool& connections) const;
    peer_pool& peers(std::uint32_t index) noexcept { return *peers_[index]; }

private:
    struct choice_under_way;
    friend std::uint32_t pick_inner(const pk_inner_balancer* inner, const pk_pick* choice);

    void find_draining(const tried& before, net::instant now);
    bool find_candidates(const tried& before, net::instant now, bool early);
    bool may_ask(const endpoint& e, net::instant now, bool early) const noexcept;
    bool reserve_room(const endpoint& e) noexcept;
    bool counts(const endpoint& e) const noexcept {
        return e.connections_max > 0 || (upstream_.balancer_needs & PK_BALANCER_IN_FLIGHT);
    }
    std::uint32_t ask(const std::uint32_t* candidates, std::size_t count, const tried& before,
                      pk_stream* stream, response_field_fn response_field);
    std::uint32_t call(std::size_t balancer, const pk_pick& choice);
    std::uint32_t ask_inner(const plugin::instance& inner, const pk_pick& choice);

    upstream& upstream_;
    const pool& pool_;
    plugin::marker_slot& marker_;
    const std::uint32_t worker_;
    std::uint64_t random_;
    std::vector<std::shared_ptr<peer_pool>> peers_;
    std::vector<std::vector<std::int64_t>> words_;  // By balancer.
    std::vector<std::uint32_t> candidates_;
    std::vector<std::uint32_t> draining_;
    retry_budget budget_;
    std::unique_ptr<wait_door> door_;  // Made when it is first needed.
    bool early_ = false;               // The last pick found nobody up.
};

// A balancer inside of another is reached through the kernel: this is what makes its handle.
plugin::services::handle_maker inner_balancers();

}  // namespace pkernel::upstream

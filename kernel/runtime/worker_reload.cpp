// A worker's part of a reload: from one generation to the next, between two turns of its loop.

#include <algorithm>
#include <set>
#include <utility>

#include "kernel/runtime/worker.hpp"

namespace pkernel::runtime {

namespace {

// How soon it is looked whether the generation before is of use to anybody: first, and at last.
constexpr net::nanoseconds look_first = std::chrono::milliseconds(5);
constexpr net::nanoseconds look_last = std::chrono::seconds(1);

}  // namespace

void worker::ask(std::function<void()> work) {
    {
        const std::lock_guard hold(asking_);
        asked_ = std::move(work);
    }
    ask_bell_.ring();
}

void worker::answer() {
    std::function<void()> work;
    {
        const std::lock_guard hold(asking_);
        work.swap(asked_);
    }
    if (work) work();
}

bool worker::enter(const stream::generation& next) {
    if (tenants_.enter(next.instances)) return true;
    look_at_tenants();
    return false;
}

void worker::go_over(turnover to) {
    const auto before = context_.current;
    // What waits at an address that goes was sent to what is in force until now.
    for (const auto& a : acceptors_)
        if (to.listeners[a->listener()] == turnover::gone) a->finish();

    context_.connections.begin_round();
    const auto next = make_site(std::move(to.plan), before.get());
    context_.connections.end_round();
    take(next);
    move_connections(to, before);
    move_acceptors(to);
}

void worker::renew(std::shared_ptr<const stream::generation> plan) {
    context_.connections.begin_round();
    const auto next = std::make_shared<stream::site>();
    next->plan = std::move(plan);
    next->listeners = context_.current->listeners;
    make_choosers(*next, context_.current.get());
    context_.connections.end_round();
    take(next);
}

void worker::take(std::shared_ptr<stream::site> next) {
    const auto before = std::exchange(context_.current, std::move(next));
    tenants_.add(context_.current);
    elect(before->plan.get());
    move_waiters(*before);
    look_again_ = look_first;
    tenants_timer_.arm(loop_.timers(), loop_.now() + look_again_);
}

// Who waits for a place at an upstream waits for one at the endpoints that it has now.
void worker::move_waiters(const stream::site& before) {
    const auto old = choosers_by_name(&before);
    for (const auto& now : context_.current->choosers)
        if (const auto was = old.find(now->of().name); was != old.end() && was->second != now)
            now->take_waiters_of(*was->second, loop_);
}

// Active health checks run on one worker, the first: those of the generation in force, and no
// longer those of the one before. An instance that goes on is told of the new upstream only, and of
// one that has not changed nothing.
void worker::elect(const stream::generation* before) {
    if (setup_.index != 0) return;
    const auto& now = context_.current->plan->upstreams;
    const auto tell = [this](upstream::health_source& source, const pk_health_upstream* what) {
        if (!source.hooks.elected) return;
        plugin::call_marker mark(context_.marker, source.instance->number());
        source.hooks.elected(source.instance->self(), what);
    };
    std::set<const plugin::instance*> go_on;
    std::set<const upstream::upstream*> old;
    for (const auto& u : now)
        for (const auto& source : u->health) go_on.insert(source->instance.get());
    if (before)
        for (const auto& u : before->upstreams) {
            old.insert(u.get());
            for (const auto& source : u->health)
                if (!go_on.contains(source->instance.get())) tell(*source, nullptr);
        }
    for (const auto& u : now)
        if (!old.contains(u.get()))
            for (const auto& source : u->health) tell(*source, source.get());
}

void worker::move_acceptors(turnover& to) {
    std::erase_if(acceptors_,
                  [&](const auto& a) { return to.listeners[a->listener()] == turnover::gone; });
    for (const auto& a : acceptors_) a->now_of(to.listeners[a->listener()]);
    for (auto& [listener, fd] : to.sockets) {
        acceptors_.push_back(std::make_unique<acceptor>(loop_, static_cast<accept_target&>(*this),
                                                        std::move(fd), listener));
        if (!accepting_) acceptors_.back()->hold();
    }
}

void worker::move_connections(const turnover& to, const std::shared_ptr<stream::site>& from) {
    stream::survivors left(*context_.current->plan);
    connections_.for_each([&](stream::client_connection& c) {
        if (c.is_left_behind()) return;
        const auto now = to.listeners[c.listener().index];
        if (now != turnover::gone) {
            c.now_of(*context_.current->listeners[now]);
            return c.tell_tunnels(left);
        }
        c.stay_on(from);
        c.drain(drain_grace);
    });
}

void worker::look_at_tenants() {
    if (!tenants_.look(*here_)) return;
    look_again_ = std::clamp(look_again_ * 2, look_first, look_last);
    tenants_timer_.arm(loop_.timers(), loop_.now() + look_again_);
}

}  // namespace pkernel::runtime

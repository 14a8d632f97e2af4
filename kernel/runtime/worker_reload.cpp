// A worker's part of a reload: from one generation to the next, between two turns of its loop.

#include <algorithm>
#include <map>
#include <string_view>

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
    const auto next = make_site(std::move(to.plan));
    context_.connections.end_round();
    std::map<std::string_view, const upstream::chooser*> by_name;
    for (const auto& old : before->choosers) by_name[old->of().name] = old.get();
    for (const auto& chooser : next->choosers)
        if (const auto old = by_name.find(chooser->of().name); old != by_name.end())
            chooser->go_on_from(*old->second);
    context_.current = next;
    tenants_.add(next);
    elect(before->plan.get());
    move_connections(to, before);
    move_acceptors(to);
    look_again_ = look_first;
    tenants_timer_.arm(loop_.timers(), loop_.now() + look_again_);
}

// Active health checks run on one worker, the first: those of the generation in force, and no
// longer those of the one before.
void worker::elect(const stream::generation* before) {
    if (setup_.index != 0) return;
    const auto tell = [this](upstream::health_source& source, const pk_health_upstream* what) {
        if (!source.hooks.elected) return;
        plugin::call_marker mark(context_.marker, source.instance->number());
        source.hooks.elected(source.instance->self(), what);
    };
    if (before)
        for (const auto& u : before->upstreams)
            for (const auto& source : u->health) tell(*source, nullptr);
    for (const auto& u : context_.current->plan->upstreams)
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
    connections_.for_each([&](stream::client_connection& c) {
        if (c.is_left_behind()) return;
        const auto now = to.listeners[c.listener().index];
        if (now != turnover::gone) return c.now_of(*context_.current->listeners[now]);
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

#include "kernel/runtime/tenants.hpp"

#include <algorithm>
#include <set>

#include "kernel/plugin/call_marker.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "pkernel/abi/log.h"

namespace pkernel::runtime {

bool tenants::enter(const std::vector<instance_ptr>& all) {
    std::set<const plugin::instance*> inside;
    for (const auto& i : entered_) inside.insert(i.get());
    for (const auto& i : all) {
        if (inside.contains(i.get())) continue;
        if (!i->worker_init(context_.worker)) return false;
        entered_.push_back(i);
    }
    return true;
}

void tenants::add(const std::shared_ptr<stream::site>& s) {
    tenant whole{s, {}};
    for (const auto& i : s->plan->instances) whole.uses.push_back(i.get());
    all_.push_back(std::move(whole));
    newest_ = s;
    for (const auto& l : s->listeners) {
        const auto is_it = [&](const tenant& t) { return t.who.lock() == l; };
        if (std::any_of(all_.begin(), all_.end(), is_it)) continue;  // Of the site before, too.
        tenant one{l, {}};
        if (l->transport) one.uses.push_back(l->transport->instance.get());
        for (const auto& c : l->codecs)
            if (c.instance) one.uses.push_back(c.instance.get());
        for (const auto& log : l->logs) one.uses.push_back(log->instance.get());
        if (!one.uses.empty()) all_.push_back(std::move(one));
    }
}

// A job of it is with the pool, or on its way back.
bool tenants::is_busy(const plugin::instance& i) const {
    if (!context_.offload) return false;
    if (context_.offload->works_for(i.number())) return true;
    return std::any_of(i.inner().begin(), i.inner().end(),
                       [this](const auto& inner) { return is_busy(*inner); });
}

void tenants::end_work_of(const plugin::instance& i, stream::services_of_thread& here) {
    here.end_of(i.host_api());
    for (const auto& inner : i.inner()) end_work_of(*inner, here);
}

void tenants::leave(plugin::instance& i) {
    if (i.use().point == PK_LOG_ID) {  // It may hold lines back until its next tick.
        const plugin::call_marker mark(context_.marker, i.number());
        if (const auto hooks = i.table<pk_log>(); hooks.tick) hooks.tick(i.self(), context_.worker);
    }
    i.worker_exit(context_.worker);
}

bool tenants::look(stream::services_of_thread& here) {
    std::erase_if(all_, [](const tenant& t) { return t.who.expired(); });
    std::set<const plugin::instance*> used;
    for (const tenant& t : all_) used.insert(t.uses.begin(), t.uses.end());
    bool waits = false;
    for (auto at = entered_.rbegin(); at != entered_.rend(); ++at) {
        if (used.contains(at->get())) continue;
        end_work_of(**at, here);
        if (is_busy(**at)) {
            waits = true;
            continue;
        }
        leave(**at);
        at->reset();
    }
    std::erase(entered_, nullptr);
    const auto newest = newest_.lock();
    const auto site = std::static_pointer_cast<const stream::site>(newest);
    const auto is_old = [&](const tenant& t) {
        const auto who = t.who.lock();
        if (!site || who == newest) return false;
        return std::none_of(site->listeners.begin(), site->listeners.end(),
                            [&](const auto& l) { return who == l; });
    };
    return waits || std::any_of(all_.begin(), all_.end(), is_old);
}

void tenants::leave_all() {
    while (!entered_.empty()) {
        leave(*entered_.back());
        entered_.pop_back();
    }
}

}  // namespace pkernel::runtime

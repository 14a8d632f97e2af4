#include "kernel/runtime/worker.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "kernel/base/log.hpp"
#include "kernel/plugin/this_thread.hpp"
#include "kernel/runtime/crash_signals.hpp"
#include "kernel/stream/greeting.hpp"
#include "kernel/stream/lent_memory.hpp"
#include "kernel/stream/subrequest.hpp"

namespace pkernel::runtime {

using base::log_level;

namespace {

base::repeat_limit descriptors_line;
base::repeat_limit connections_line;
constexpr net::nanoseconds tick_time = std::chrono::seconds(1);
constexpr unsigned ticks_of_age = 10;

int open_reserve() noexcept {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace

worker::worker(worker_setup setup)
    : setup_(std::move(setup)),
      context_(loop_, setup_.index, *setup_.marker),
      relief_(
          context_, connections_, *setup_.memory, *setup_.metrics,
          [](void* self, bool on) { static_cast<worker*>(self)->accept(on); }, this),
      reserve_(open_reserve()),
      tenants_(context_),
      tenants_timer_([](void* self) { static_cast<worker*>(self)->look_at_tenants(); }, this),
      tick_([](void* self) { static_cast<worker*>(self)->tick(); }, this),
      drain_limit_([](void* self) { static_cast<worker*>(self)->kill_all("drain_timeout"); }, this),
      drain_bell_(
          loop_, [](void* self) { static_cast<worker*>(self)->drain(); }, this),
      stop_bell_(
          loop_,
          [](void* self) {
              auto* me = static_cast<worker*>(self);
              me->kill_all("shutdown");
              me->loop_.stop();
          },
          this),
      ask_bell_(
          loop_, [](void* self) { static_cast<worker*>(self)->answer(); }, this) {
    context_.via = setup_.via;
    context_.spilled = setup_.spilled;
}

worker::~worker() = default;

void worker::begin_drain() {
    drain_bell_.ring();
}
void worker::stop() {
    stop_bell_.ring();
}

std::map<std::string_view, std::shared_ptr<upstream::chooser>> worker::choosers_by_name(
    const stream::site* of) {
    std::map<std::string_view, std::shared_ptr<upstream::chooser>> all;
    if (of)
        for (const auto& c : of->choosers) all[c->of().name] = c;
    return all;
}

// A chooser goes on with its upstream; one of an upstream that has changed goes on from it.
void worker::make_choosers(stream::site& of, const stream::site* before) {
    const auto all = choosers_by_name(before);
    for (const auto& u : of.plan->upstreams) {
        const auto old = all.find(u->name);
        if (old != all.end() && &old->second->of() == u.get()) {
            old->second->stay(context_.connections);
            of.choosers.push_back(old->second);
            continue;
        }
        of.choosers.push_back(std::make_shared<upstream::chooser>(
            *u, context_.connections, context_.marker, setup_.index, context_.random()));
        if (old != all.end()) of.choosers.back()->go_on_from(*old->second);
    }
}

std::shared_ptr<stream::site> worker::make_site(std::shared_ptr<const stream::generation> plan,
                                                const stream::site* before) {
    auto s = std::make_shared<stream::site>();
    s->plan = std::move(plan);
    for (const auto& l : s->plan->listeners)
        s->listeners.emplace_back(l.get(), [keep = l](const stream::listener_plan*) {});
    make_choosers(*s, before);
    return s;
}

void worker::leave(stream::services_of_thread& here) {
    here.close();
    loop_.run_once();
    context_.lent->settle();  // What the connections that were just destroyed had held.
    tenants_.leave_all();
}

void worker::run(const std::function<void(bool)>& started) {
    plugin::become_worker(setup_.index);
    const crash_stack own_stack(1 + setup_.index);
    stream::services_of_thread here(context_);
    if (setup_.offload)
        context_.offload = std::make_unique<stream::offload_port>(context_, *setup_.offload);
    here_ = &here;
    if (!tenants_.enter(setup_.plan->instances)) {
        leave(here);
        return started(false);
    }
    context_.current = make_site(std::move(setup_.plan), nullptr);
    tenants_.add(context_.current);
    elect(nullptr);
    for (auto& [listener, fd] : setup_.sockets)
        acceptors_.push_back(std::make_unique<acceptor>(loop_, static_cast<accept_target&>(*this),
                                                        std::move(fd), listener));
    tick_.arm(loop_.timers(), loop_.now() + tick_time);
    started(true);
    loop_.run();
    acceptors_.clear();
    context_.connections.close_all();
    loop_.run_once();
    leave(here);
    context_.current.reset();
}

// False: this worker or the listener has as many connections as it may. Else it is counted.
bool worker::make_room_for_one(std::uint32_t listener) noexcept {
    if (count_ >= setup_.connections_max) return false;
    const stream::listener_plan& plan = *context_.current->listeners[listener];
    const auto most = plan.conf->limits.connections;
    auto& open = *plan.connections;
    if (open.fetch_add(1, std::memory_order_relaxed) >= most && most > 0) {
        open.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    ++count_;
    return true;
}

void worker::accepted(int fd, std::uint32_t listener, const pk_address& peer,
                      const pk_address& local) {
    if (!make_room_for_one(listener)) {
        base::log(log_level::warning, "too many connections: new ones are closed at once",
                  connections_line);
        ::close(fd);
        return;
    }
    stream::accepted_connection from{net::wire(fd), context_.current->listeners[listener], peer,
                                     local};
    auto* c = stream::greet(context_, *this, std::move(from));
    connections_.push_back(*c);
    if (c->start() && draining_) c->drain(drain_grace);
}

// The reserve descriptor takes one connection off the backlog, to close it politely.
void worker::out_of_descriptors(int listening_fd) {
    base::log(log_level::warning, "out of descriptors: accepting pauses", descriptors_line);
    reserve_ = base::unique_fd();
    const int fd = ::accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) ::close(fd);
    reserve_ = base::unique_fd(open_reserve());
}

void worker::finished(acceptor& which) {
    std::erase_if(acceptors_, [&](const auto& a) { return a.get() == &which; });
    end_if_drained();
}

void worker::connection_closed(stream::client_connection& c) {
    c.accepted_by().connections->fetch_sub(1, std::memory_order_relaxed);
    --count_;
    end_if_drained();
}

void worker::connection_goes_on(stream::client_connection&, stream::client_connection& next) {
    connections_.push_back(next);
}

void worker::drain() {
    if (draining_) return;
    draining_ = context_.draining = true;
    std::erase_if(acceptors_, [](const auto& a) { return a->finish(); });
    context_.drain_ends = loop_.now() + drain_max;
    connections_.for_each([](stream::client_connection& c) { c.drain(drain_grace); });
    drain_limit_.arm(loop_.timers(), context_.drain_ends);
    end_if_drained();
}

void worker::end_if_drained() {
    if (draining_ && count_ == 0 && acceptors_.empty()) loop_.stop();
}

void worker::kill_all(const char* word) {
    while (!connections_.empty()) connections_.front().kill({PK_END_SHUTDOWN, word});
}

void worker::accept(bool on) {
    accepting_ = on;
    for (const auto& a : acceptors_) on ? a->go_on() : a->hold();
}

void worker::tick() {
    tick_.arm(loop_.timers(), loop_.now() + tick_time);
    relief_.look();
    if (++ticks_ % ticks_of_age == 0) context_.blocks.age();
    for (const auto& l : context_.current->plan->all_logs)
        if (l->hooks.tick) {
            plugin::call_marker mark(context_.marker, l->instance->number());
            l->hooks.tick(l->instance->self(), setup_.index);
        }
}

}  // namespace pkernel::runtime

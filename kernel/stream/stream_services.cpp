#include "kernel/stream/stream_services.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernel/plugin/host.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_call.hpp"
#include "kernel/stream/subrequest.hpp"
#include "kernel/stream/tunnel.hpp"
#include "kernel/stream/variables.hpp"
#include "kernel/stream/waker_table.hpp"
#include "pkernel/abi/timer.h"
#include "pkernel/abi/waker.h"

namespace pkernel::stream {

namespace {

constexpr std::uint32_t workers_max = 1024;

thread_local context* this_context = nullptr;
// Where wakers lead, by worker; null while it does not run.
std::atomic<waker_table*> tables[workers_max];

// --- wakers
// -------------------------------------------------------------------------------------------------

pk_waker make_waker(pk_stream* s) {
    return stream_waker(slot::of(s));
}

pk_status wake(const pk_host*, pk_waker w) {
    const auto worker = waker_table::worker_of(w);
    if (worker >= workers_max) return PK_INVALID;
    waker_table* table = tables[worker].load(std::memory_order_acquire);
    if (!table) return PK_OK;  // The worker has ended, and every stream of it.
    return table->ring(w) ? PK_OK : PK_INVALID;
}

// --- timers of streams
// --------------------------------------------------------------------------------------

void fire(void* self) {
    auto* t = static_cast<slot_timer*>(self);
    slot& s = *t->who;
    auto* fn = std::exchange(t->fn, nullptr);
    if (!fn) return;
    s.owner->call(s, [&](pk_stream* h) { fn(h, t->arg); });
    s.owner->advance();
}

pk_status start_timer(pk_stream* h, std::uint64_t ns, void (*fn)(pk_stream*, void*), void* arg,
                      std::uint64_t* id) {
    slot& s = slot::of(h);
    if (!fn || !s.has_plugin()) return PK_INVALID;
    constexpr std::uint64_t longest = 366ull * 86'400 * 1'000'000'000;
    std::uint32_t running = 0;
    slot_timer* free = nullptr;
    for (slot_timer* t = s.timers; t; t = t->next) t->fn ? void(++running) : void(free = t);
    if (running >= slot::timers_max) return PK_NO_MEMORY;
    if (!free) {
        free = s.owner->lasting().make<slot_timer>(&fire, &s);
        free->next = s.timers;
        s.timers = free;
    }
    free->fn = fn;
    free->arg = arg;
    free->id = s.owner->in().random() | 1;
    auto& loop = s.owner->in().loop;
    free->timer.arm(loop.timers(), loop.now() + net::nanoseconds(std::min(ns, longest)));
    if (id) *id = free->id;
    return PK_OK;
}

void cancel_timer(pk_stream* h, std::uint64_t id) {
    for (slot_timer* t = slot::of(h).timers; t; t = t->next)
        if (t->fn && t->id == id) {
            t->fn = nullptr;
            t->timer.cancel();
        }
}

// --- timers of instances on a worker
// ------------------------------------------------------------------------

struct worker_timer {
    worker_timer(const pk_host* h, void (*f)(void*), void* a, std::uint64_t i)
        : host(h),
          fn(f),
          arg(a),
          id(i),
          number(this_context->marker.running),
          timer(&fired, this) {}
    static void fired(void* self);
    const pk_host* host;
    void (*fn)(void*);
    void* arg;
    std::uint64_t id;
    const std::uint32_t number;  // Of the instance that set it.
    net::timer timer;
};
constexpr std::size_t worker_timers_max = 64;
thread_local std::vector<std::unique_ptr<worker_timer>>* worker_timers = nullptr;

void erase_timer(const pk_host* host, std::uint64_t id) {
    std::erase_if(*worker_timers, [&](const auto& t) { return t->host == host && t->id == id; });
}

void worker_timer::fired(void* self) {
    auto* t = static_cast<worker_timer*>(self);
    auto* fn = t->fn;
    void* arg = t->arg;
    plugin::call_marker mark(this_context->marker, t->number);
    erase_timer(t->host, t->id);
    fn(arg);
}

pk_status start_on_worker(const pk_host* host, std::uint64_t ns, void (*fn)(void*), void* arg,
                          std::uint64_t* id) {
    if (!this_context) return PK_WRONG_STATE;
    if (!fn) return PK_INVALID;
    std::size_t own = 0;
    for (const auto& t : *worker_timers) own += t->host == host;
    if (own >= worker_timers_max) return PK_NO_MEMORY;
    const auto name = this_context->random() | 1;
    worker_timers->push_back(std::make_unique<worker_timer>(host, fn, arg, name));
    constexpr std::uint64_t longest = 366ull * 86'400 * 1'000'000'000;
    auto& loop = this_context->loop;
    worker_timers->back()->timer.arm(loop.timers(),
                                     loop.now() + net::nanoseconds(std::min(ns, longest)));
    if (id) *id = name;
    return PK_OK;
}

void cancel_on_worker(const pk_host* host, std::uint64_t id) {
    if (this_context) erase_timer(host, id);
}

// --- offload
// ------------------------------------------------------------------------------------------------

pk_job whole(const pk_job& given) {
    pk_job all{};
    std::memcpy(&all, &given, std::min<std::size_t>(given.size, sizeof all));
    return all;
}

pk_status submit(pk_stream* h, const pk_job* job) {
    slot& s = slot::of(h);
    auto* port = s.owner->in().offload.get();
    if (!port || s.owner->ended() || !s.has_plugin()) return PK_WRONG_STATE;
    return port->submit(s, whole(*job));
}

pk_status submit_on_worker(const pk_host*, const pk_job* job) {
    auto* port = this_context ? this_context->offload.get() : nullptr;
    if (!port) return PK_WRONG_STATE;
    return port->submit_on_worker(whole(*job));
}

}  // namespace

pk_waker stream_waker(slot& s) {
    // One that only reads gets one that leads nowhere.
    if (!s.has_plugin()) return {UINT64_MAX, 0};
    return s.owner->in().wakers->make(s.waker, &s, [](void* who) {
        slot& woken = *static_cast<slot*>(who);
        woken.owner->wake(woken);
    });
}

void provide_services(plugin::services& to) {
    static const pk_timer_service timers{
        sizeof timers, 0, &start_timer, &cancel_timer, &start_on_worker, &cancel_on_worker};
    static const pk_waker_service wakers{sizeof wakers, 0, &make_waker, &wake};
    to.provide(PK_TIMER_ID, &timers);
    to.provide(PK_WAKER_ID, &wakers);
    to.provide(PK_VARIABLES_ID, variables::table());
    static const pk_offload offload{sizeof offload, 0, &submit, &submit_on_worker};
    to.provide(PK_OFFLOAD_ID, &offload);
    to.provide(PK_SUBREQUEST_ID, subrequest_service());
    to.provide(PK_TUNNEL_SERVICE_ID, tunnel::service());
    to.set_handle_maker(PK_BALANCER_ID, upstream::inner_balancers());
}

services_of_thread::services_of_thread(context& c) : context_(c) {
    this_context = &c;
    worker_timers = new std::vector<std::unique_ptr<worker_timer>>;
    tables[c.worker].store(c.wakers.get(), std::memory_order_release);
}

services_of_thread::~services_of_thread() {
    tables[context_.worker].store(nullptr, std::memory_order_release);
    delete std::exchange(worker_timers, nullptr);
    this_context = nullptr;
}

void services_of_thread::close() {
    context_.subrequests->close();
    context_.offload.reset();
    worker_timers->clear();
}

void services_of_thread::end_of(const pk_host* host) {
    context_.subrequests->end_of(host);
    std::erase_if(*worker_timers, [&](const auto& t) { return t->host == host; });
}

context* services_of_thread::current() noexcept {
    return this_context;
}

}  // namespace pkernel::stream

// The tables of the services that fake_host stands behind.

#include <pkernel/abi/clock.h>
#include <pkernel/abi/logger.h>
#include <pkernel/abi/timer.h>
#include <pkernel/abi/variables.h>
#include <pkernel/abi/waker.h>
#include <pkernel/testing/host.hpp>
#include <pkernel/text.hpp>

#include <algorithm>

#include "fake_stream.hpp"

namespace pk::testing {
namespace {

// What a service of the worker may only be asked on its thread.
bool on_worker(fake_host& host, const char* what) {
    if (std::this_thread::get_id() == host.worker_thread) return true;
    host.complain("plugin", std::string(what) + " called off the worker's thread");
    return false;
}

const pk_logger logger{sizeof(pk_logger), 0,
                       [](const pk_host* h, std::uint32_t level, pk_str line) {
                           const inside host(false);
                           fake_host::of(h).lines.emplace_back(level, view(line));
                       },
                       [](const pk_host*, std::uint32_t) -> std::uint32_t { return 1; }};

const pk_clock clock_table{sizeof(pk_clock), 0,
                           [](const pk_host* h) { return fake_host::of(h).now; },
                           [](const pk_host* h) { return fake_host::of(h).unix_ns; }};

pk_status define(const pk_host* h, std::uint32_t kind, pk_str name, pk_str, std::uint32_t* number) {
    const inside host(false);
    auto& metrics = fake_host::of(h).metrics;
    const auto known = std::find_if(metrics.begin(), metrics.end(),
                                    [&](const auto& m) { return m.name == view(name); });
    *number = static_cast<std::uint32_t>(known - metrics.begin());
    if (known != metrics.end()) return PK_OK;
    if (metrics.size() == 64) return PK_NO_MEMORY;
    metrics.push_back({kind, std::string(view(name))});
    return PK_OK;
}

// Applies f to a metric, from any thread.
template <class F>
void bump(const pk_host* h, std::uint32_t number, F f) {
    const inside host(false);
    auto& fake = fake_host::of(h);
    const std::lock_guard lock(fake.metrics_lock);
    if (number >= fake.metrics.size()) {
        fake.complain("plugin", "bumps a metric that it did not define");
    } else {
        f(fake.metrics[number]);
    }
}

const pk_metrics metrics_table{sizeof(pk_metrics),
                               0,
                               define,
                               [](const pk_host* h, std::uint32_t n, std::int64_t v) {
                                   bump(h, n, [v](auto& m) { m.value += v; });
                               },
                               [](const pk_host* h, std::uint32_t n, std::int64_t v) {
                                   bump(h, n, [v](auto& m) { m.value = v; });
                               },
                               [](const pk_host* h, std::uint32_t n, std::uint64_t) {
                                   bump(h, n, [](auto& m) { ++m.observations; });
                               }};

const pk_timer_service timer_table{
    sizeof(pk_timer_service),
    0,
    [](pk_stream* s, std::uint64_t ns, void (*fn)(pk_stream*, void*), void* arg,
       std::uint64_t* id) -> pk_status {
        fake_stream* stream = fake_stream::enter(s, "timer start");
        if (stream == nullptr) return PK_WRONG_STATE;
        const inside outside(false);
        auto& host = stream->host();
        const auto of_stream = [&](const timer& t) { return t.stream == stream; };
        if (std::count_if(host.timers.begin(), host.timers.end(), of_stream) >= 8) {
            return PK_NO_MEMORY;
        }
        host.timers.push_back({host.next_id, host.now + ns, stream, fn, nullptr, arg});
        if (id != nullptr) *id = host.next_id;
        ++host.next_id;
        return PK_OK;
    },
    [](pk_stream* s, std::uint64_t id) {
        fake_stream* stream = fake_stream::enter(s, "timer cancel");
        if (stream == nullptr) return;
        std::erase_if(stream->host().timers, [&](const timer& t) { return t.id == id; });
    },
    [](const pk_host* h, std::uint64_t ns, void (*fn)(void*), void* arg,
       std::uint64_t* id) -> pk_status {
        const inside outside(false);
        auto& host = fake_host::of(h);
        if (!on_worker(host, "start_on_worker")) return PK_WRONG_STATE;
        host.timers.push_back({host.next_id, host.now + ns, nullptr, nullptr, fn, arg});
        if (id != nullptr) *id = host.next_id;
        ++host.next_id;
        return PK_OK;
    },
    [](const pk_host* h, std::uint64_t id) {
        std::erase_if(fake_host::of(h).timers, [&](const timer& t) { return t.id == id; });
    }};

const pk_waker_service waker_table{
    sizeof(pk_waker_service), 0,
    [](pk_stream* s) -> pk_waker {
        fake_stream* stream = fake_stream::enter(s, "waker make");
        const inside outside(false);
        return stream == nullptr ? pk_waker{} : pk_waker{stream->host().place_of(stream), 1};
    },
    [](const pk_host* h, pk_waker w) -> pk_status {
        const inside outside(false);
        if (w.place == 0) return PK_INVALID;
        fake_host::of(h).wake(w.place, w.life);
        return PK_OK;
    }};

const pk_offload offload_table{sizeof(pk_offload), 0,
                               [](pk_stream* s, const pk_job* raw) -> pk_status {
                                   fake_stream* stream = fake_stream::enter(s, "submit");
                                   if (stream == nullptr) return PK_WRONG_STATE;
                                   const inside outside(false);
                                   if (stream->host().jobs.size() >= 1024) return PK_NO_MEMORY;
                                   stream->host().place_of(stream);
                                   stream->host().jobs.push_back({stream, false, *raw});
                                   return PK_OK;
                               },
                               [](const pk_host* h, const pk_job* raw) -> pk_status {
                                   const inside outside(false);
                                   if (!on_worker(fake_host::of(h), "submit_on_worker"))
                                       return PK_WRONG_STATE;
                                   fake_host::of(h).jobs.push_back({nullptr, true, *raw});
                                   return PK_OK;
                               }};

bool known_variable(const fake_host& host, const std::string& name) {
    static const std::set<std::string> known{
        "client_ip",  "client_port",     "host",      "method",     "path",
        "query",      "scheme",          "target",    "request_id", "route",
        "listener",   "status",          "upstream",  "endpoint",   "attempts",
        "end_reason", "failed_attempts", "body_kept", "queue_ms"};
    return known.contains(name) || host.variables.contains(name) || name.starts_with("field.") ||
           name.starts_with("query.") || name.starts_with("cookie.");
}

const pk_variables variables_table{
    sizeof(pk_variables), 0,
    [](const pk_host* h, pk_str name, std::uint32_t* number) -> pk_status {
        const inside outside(false);
        auto& host = fake_host::of(h);
        if (!known_variable(host, std::string(view(name)))) return PK_NOT_FOUND;
        *number = static_cast<std::uint32_t>(host.variable_names.size());
        host.variable_names.emplace_back(view(name));
        return PK_OK;
    },
    [](pk_stream* s, std::uint32_t number, pk_str* value) -> pk_status {
        *value = {};
        fake_stream* stream = fake_stream::enter(s, "variable get");
        if (stream == nullptr) return PK_WRONG_STATE;
        const inside outside(false);
        auto& host = stream->host();
        if (number >= host.variable_names.size()) return PK_INVALID;
        const auto found = host.variables.find(host.variable_names[number]);
        if (found == host.variables.end()) return PK_NOT_FOUND;
        *value = str(found->second);
        return PK_OK;
    }};

// Keeps a copy of what was asked; the test answers it by its id.
pk_status record(fake_host& host, fake_stream* parent, const pk_subrequest& what,
                 std::uint64_t* id) {
    const auto mine = [&](const asked& r) { return r.parent == parent; };
    const auto running_now = std::count_if(host.requests.begin(), host.requests.end(), mine);
    if (parent != nullptr && running_now >= 8) return PK_NO_MEMORY;
    asked r;
    r.id = host.next_id++;
    r.flags = what.flags;
    r.upstream = view(what.upstream);
    r.endpoint = view(what.endpoint);
    r.endpoint_port = what.endpoint_port;
    r.method = view(what.method);
    r.authority = view(what.authority);
    r.target = view(what.target);
    for (field f : field_list(what.fields)) r.fields.emplace_back(f.name, f.value);
    for (std::string_view part : data(what.body)) r.body += part;
    r.body_limit = what.body_limit;
    r.timeout = std::chrono::nanoseconds(what.timeout_ns);
    r.raw = what;
    r.parent = (what.flags & PK_SUB_DETACHED) != 0 ? nullptr : parent;
    host.requests.push_back(r);
    if (id != nullptr) *id = r.id;
    return PK_OK;
}

void cancel(fake_host& host, std::uint64_t id) {
    std::erase_if(host.requests, [&](const asked& r) { return r.id == id; });
}

const pk_subrequest_service subrequest_table{
    sizeof(pk_subrequest_service),
    0,
    [](pk_stream* s, const pk_subrequest* what, std::uint64_t* id) -> pk_status {
        fake_stream* stream = fake_stream::enter(s, "subrequest start");
        if (stream == nullptr) return PK_WRONG_STATE;
        const inside outside(false);
        return record(stream->host(), stream, *what, id);
    },
    [](pk_stream* s, std::uint64_t) { fake_stream::enter(s, "subrequest resume"); },
    [](pk_stream* s, std::uint64_t id) {
        fake_stream* stream = fake_stream::enter(s, "subrequest cancel");
        if (stream != nullptr) cancel(stream->host(), id);
    },
    [](const pk_host* h, const pk_subrequest* what, std::uint64_t* id) -> pk_status {
        const inside outside(false);
        return record(fake_host::of(h), nullptr, *what, id);
    },
    [](const pk_host*, std::uint64_t) {},
    [](const pk_host* h, std::uint64_t id) { cancel(fake_host::of(h), id); }};

}  // namespace

const void* service(std::string_view id) {
    if (id == PK_LOGGER_ID) return &logger;
    if (id == PK_CLOCK_ID) return &clock_table;
    if (id == PK_METRICS_ID) return &metrics_table;
    if (id == PK_TIMER_ID) return &timer_table;
    if (id == PK_WAKER_ID) return &waker_table;
    if (id == PK_OFFLOAD_ID) return &offload_table;
    if (id == PK_VARIABLES_ID) return &variables_table;
    if (id == PK_SUBREQUEST_ID) return &subrequest_table;
    if (id == PK_TUNNEL_SERVICE_ID) return &tunnel_table();
    return nullptr;
}

}  // namespace pk::testing

#include "worker_rig.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "fuzz_check.hpp"
#include "kernel/config/load.hpp"
#include "kernel/config/render.hpp"
#include "kernel/plugin/this_thread.hpp"
#include "kernel/runtime/generation_builder.hpp"
#include "kernel/runtime/loading.hpp"
#include "kernel/stream/greeting.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/stream_services.hpp"

namespace {

std::int64_t passed_ns = 0;

}  // namespace

// Stands before the C library's: every monotonic clock of this process is ahead by what has passed.
extern "C" int clock_gettime(clockid_t which, timespec* out) noexcept {
    const auto rc = static_cast<int>(::syscall(SYS_clock_gettime, which, out));
    if (rc != 0 || which != CLOCK_MONOTONIC) return rc;
    out->tv_sec += passed_ns / 1'000'000'000;
    out->tv_nsec += passed_ns % 1'000'000'000;
    if (out->tv_nsec >= 1'000'000'000) {
        ++out->tv_sec;
        out->tv_nsec -= 1'000'000'000;
    }
    return rc;
}

namespace pkernel::fuzz {

namespace {

constexpr std::size_t got_max = 1 << 20;  // More is read and forgotten: endless emitters.
constexpr int turns_at_once = 6;

struct stopper final : net::deferred {
    explicit stopper(net::loop& l) : loop(l) {}
    void run_deferred() override { loop.stop(); }
    net::loop& loop;
};

struct counter final : stream::connection_keeper {
    void connection_closed(stream::client_connection&) override { --open; }
    void connection_goes_on(stream::client_connection&, stream::client_connection&) override {}
    std::size_t open = 0;
};

base::unique_fd listen_at(const std::string& path) {
    base::unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    FUZZ_CHECK(path.size() < sizeof to.sun_path);
    std::memcpy(to.sun_path, path.data(), path.size());
    FUZZ_CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    FUZZ_CHECK(::listen(fd.get(), 64) == 0);
    return fd;
}

std::string make_folder() {
    char name[] = "/tmp/pk-fuzz-XXXXXX";
    FUZZ_CHECK(::mkdtemp(name) != nullptr);
    return name;
}

runtime::command_line command(const std::string& plugins_dir, const std::string& file) {
    runtime::command_line line;
    line.plugins_dir = plugins_dir;
    line.config_file = file;
    return line;
}

}  // namespace

void peer::send(std::string_view bytes) {
    while (!bytes.empty() && fd) {
        const auto n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) return;
        sent += bytes.substr(0, static_cast<std::size_t>(n));
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void peer::receive() {
    char some[16384];
    while (fd && !finished) {
        const auto n = ::recv(fd.get(), some, sizeof some, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        finished = n <= 0;
        if (n > 0 && got.size() < got_max) got.append(some, static_cast<std::size_t>(n));
    }
}

void peer::half_close() {
    if (fd) ::shutdown(fd.get(), SHUT_WR);
}

struct worker_rig::inside {
    inside(const std::string& plugins_dir, std::string_view routes, std::string_view listener)
        : folder(make_folder()),
          listening(listen_at(folder + "/origin")),
          from(command(plugins_dir, write_config(routes, listener))),
          services(1),
          context(loop, 0, marker),
          here(context),
          stop(loop) {
        stream::provide_services(services);
        services.set_log_sink([](int, std::string_view) {});
        from.load();
        if (from.conf)
            plan = runtime::build_generation(from.conf, from.plugins, services,
                                             runtime::build_purpose::start, from.problems);
        if (!plan) {
            std::fputs(config::to_text(from.problems, false).c_str(), stderr);
            std::abort();
        }
        plugin::become_worker(0);
        context.offload = std::make_unique<stream::offload_port>(context, jobs);
        context.via = "1.1 fuzz";
        for (const auto& i : plan->instances) FUZZ_CHECK(i->worker_init(0));
        auto site = std::make_shared<stream::site>();
        site->plan = plan;
        site->listeners.assign(plan->listeners.begin(), plan->listeners.end());
        for (const auto& u : plan->upstreams)
            site->choosers.push_back(std::make_unique<upstream::chooser>(
                *u, context.connections, context.marker, 0, context.random()));
        context.current = std::move(site);
    }

    std::string write_config(std::string_view routes, std::string_view listener) const {
        const auto file = folder + "/pk.yaml";
        std::ofstream(file) << "listeners:\n  - { name: web, address: \"127.0.0.1:0\"" << listener
                            << " }\n"
                            << "upstreams:\n  app: { endpoints: [ \"unix:" << folder
                            << "/origin\" ] }\nroutes:\n"
                            << routes;
        return file;
    }

    // One turn of the loop, that does not wait.
    void once() {
        loop.defer(stop);
        loop.run();
    }

    const std::string folder;
    base::unique_fd listening;
    runtime::reading from;
    plugin::services services;
    plugin::marker_slot marker{};
    net::loop loop;
    stream::offload_pool jobs{[](unsigned, const std::function<void(plugin::marker_slot&)>& work) {
        plugin::marker_slot mark;
        work(mark);
    }};
    stream::context context;
    stream::services_of_thread here;
    stopper stop;
    counter keeper;
    std::shared_ptr<const stream::generation> plan;
};

worker_rig::worker_rig(const std::string& plugins_dir, std::string_view routes,
                       std::string_view listener)
    : inside_(std::make_unique<inside>(plugins_dir, routes, listener)) {}

// Never: it lives as long as the process.
worker_rig::~worker_rig() = default;

peer& worker_rig::connect() {
    int ends[2];
    FUZZ_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    auto one = std::make_unique<peer>();
    one->fd = base::unique_fd(ends[0]);
    clients.push_back(std::move(one));
    stream::accepted_connection from{
        net::wire(ends[1]), inside_->context.current->listeners[0], {}, {}};
    ++inside_->keeper.open;
    stream::greet(inside_->context, inside_->keeper, std::move(from))->start();
    turn();
    return *clients.back();
}

void worker_rig::turn() {
    for (int i = 0; i < turns_at_once; ++i) {
        inside_->once();
        int fd;
        while ((fd = ::accept4(inside_->listening.get(), nullptr, nullptr,
                               SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            auto one = std::make_unique<peer>();
            one->fd = base::unique_fd(fd);
            origins.push_back(std::move(one));
        }
        for (const auto* all : {&clients, &origins})
            for (const auto& p : *all)
                if (p->reads) p->receive();
    }
}

void worker_rig::pass(std::chrono::milliseconds time) {
    passed_ns += std::chrono::nanoseconds(time).count();
    turn();
}

bool worker_rig::end_run() {
    for (const auto& c : clients) c->close();
    for (const auto& o : origins) o->close();
    turn();
    // Whatever waits, waits for a deadline; subrequests may make further connections.
    for (int i = 0; i < 20 && (inside_->context.streams() > 0 || inside_->keeper.open > 0); ++i) {
        pass(std::chrono::seconds(100));
        for (const auto& o : origins) o->close();
    }
    inside_->context.connections.close_all();
    turn();
    clients.clear();
    origins.clear();
    return inside_->context.streams() == 0 && inside_->keeper.open == 0;
}

}  // namespace pkernel::fuzz

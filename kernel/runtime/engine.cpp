#include "kernel/runtime/engine.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "kernel/base/siphash.hpp"
#include "kernel/runtime/crash_signals.hpp"
#include "kernel/runtime/generation_builder.hpp"
#include "kernel/runtime/graveyard.hpp"
#include "kernel/runtime/memory_limit.hpp"
#include "kernel/runtime/report.hpp"
#include "kernel/runtime/worker.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/stream_services.hpp"

namespace pkernel::runtime {

namespace {

using base::log_level;

// So much less than at the most: what a crowd took goes back to the system.
constexpr std::uint64_t trim_least = 16 << 20;

// So long the start and a reload wait for what names stand for: while a server of names says
// nothing they go on without, and its upstreams have the endpoints that they had, or none.
constexpr std::chrono::milliseconds names_wait_max{500};
// Endpoints are exchanged so often at most, whatever is found meanwhile.
constexpr std::chrono::milliseconds renewal_gap{100};

// How we name ourselves in Via: the same for all processes of an installation, telling nothing
// about it.
std::string via_of_installation() {
    std::string id;
    std::ifstream("/etc/machine-id") >> id;
    if (id.empty()) {
        char host[256] = {};
        ::gethostname(host, sizeof host - 1);
        id = host;
    }
    std::uint64_t h = 0xcbf29ce484222325u;  // FNV-1a
    for (const char c : id) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    char out[16];
    for (int i = 0; i < 8; ++i) out[i] = "0123456789abcdef"[h >> (60 - 4 * i) & 15];
    return "1.1 pkernel-" + std::string(out, 8);
}

struct pipe_pair {
    pipe_pair() {
        if (::pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0) throw std::bad_alloc();
    }
    ~pipe_pair() {
        ::close(fd[0]);
        ::close(fd[1]);
    }
    int operator[](int i) const noexcept { return fd[i]; }
    int fd[2];
};

class engine {
public:
    explicit engine(engine_setup& setup)
        : setup_(setup),
          services_(setup.workers),
          names_(services_, [this] { wake_up(); }),
          graveyard_([this] { wake_up(); }),
          memory_(setup.memory_max),
          metrics_(services_.metrics()) {
        metrics_.set->set(metrics_.limit, static_cast<std::int64_t>(memory_.limit()));
        services_.set_log_sink([](int level, std::string_view line) {
            base::log(static_cast<log_level>(level), line);
        });
        services_.set_log_level(static_cast<std::uint32_t>(setup.log_level));
        services_.set_markers(reinterpret_cast<plugin::marker_slot*>(&setup.board.line_of(0)));
        services_.set_naming([this](std::uint32_t number, std::string_view label) {
            setup_.board.name_instance(number, label);
        });
        services_.set_retire([this](plugin::instance* i) { graveyard_.bring(i); });
        stream::provide_services(services_);
    }

    int run() {
        config::diagnostics problems;  // Without what loading has shown already.
        problems.files() = setup_.problems.files();
        plan_ = owned(build_generation(std::move(setup_.conf), setup_.plugins, services_,
                                       build_purpose::start, problems, nullptr, &names_));
        std::optional<listener_sockets> sockets;
        if (plan_)
            sockets = open_listeners(*plan_->model, setup_.listeners, setup_.workers, problems);
        if (plan_ && sockets && !fits_in_memory(problems)) sockets.reset();
        show(problems);
        if (!plan_ || !sockets) return static_cast<int>(problems.exit());
        plan_ = with_names(std::move(plan_));
        const bool up = start_workers(std::move(*sockets));
        if (up) {
            setup_.control.ready(setup_.workers);
            base::log(log_level::info, "ready");
            setup_.plugins.forget();
            ::malloc_trim(0);  // Reading a config takes several times what it leaves behind.
            serve();
        } else {
            stop_all();
        }
        for (auto& t : threads_) t.join();
        const bool threads = threads_.size() == setup_.workers;
        close_feeds_but_of(nullptr);
        // Threads of plugins may hold wakers: they end before what wakers lead to.
        for (const auto& i : plan_->instances) i->stop();
        workers_.clear();
        plan_.reset();
        graveyard_.bury();
        if (up) return 0;
        return static_cast<int>(threads ? config::exit_class::plugin : config::exit_class::bind);
    }

private:
    // What the engine holds before the first connection must leave it below the first level.
    bool fits_in_memory(config::diagnostics& problems) {
        const auto now = resident_bytes();
        memory_.measured(now, 0);
        if (memory_.look().level == base::memory_level::normal) return true;
        const auto mib = [](std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
        const std::string what = mib(memory_.limit()) +
                                 " of memory are too little: the engine holds " + mib(now) +
                                 " before its first connection";
        if (!plan_->model->memory) base::log(log_level::error, what);
        config::diagnostic d;
        d.number = config::code::memory_too_small;
        d.at = plan_->model->memory_at;
        d.message = what;
        d.exit = config::exit_class::bind;
        problems.add(std::move(d));
        return false;
    }

    bool start_workers(listener_sockets sockets) {
        const auto via = via_of_installation();
        for (unsigned w = 0; w < setup_.workers; ++w) {
            worker_setup s;
            s.index = w;
            s.marker = reinterpret_cast<plugin::marker_slot*>(&setup_.board.line_of(1 + w));
            s.plan = plan_;
            s.connections_max = setup_.connections_max / setup_.workers;
            s.via = via;
            s.offload = &offload_;
            s.spilled = &spilled_;
            s.memory = &memory_;
            s.metrics = &metrics_;
            give_sockets(sockets, w, s.sockets);
            workers_.push_back(std::make_unique<worker>(std::move(s)));
        }
        start_threads();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return started_ + failed_ == threads_.size(); });
        return started_ == setup_.workers;
    }

    // One a worker, or as many as the system lets this process have: it says which was the first
    // that it could not.
    void start_threads() {
        threads_.reserve(setup_.workers);
        try {
            for (const auto& w : workers_)
                threads_.emplace_back([this, worker = w.get()] {
                    worker->run([this](bool ok) { report(ok); });
                    std::lock_guard lock(mutex_);
                    ++ended_;
                    wake_up();
                });
        } catch (const std::system_error& e) {
            base::log(log_level::error,
                      "no thread for worker " + std::to_string(threads_.size() + 1) + " of " +
                          std::to_string(setup_.workers) + ": " + e.what() +
                          "; lower 'workers', or raise TasksMax= of systemd, ulimit -u or -v");
        }
    }

    // Worker w serves the sockets w, w + n, w + 2n...; one that all share is served by all.
    void give_sockets(listener_sockets& all, unsigned w,
                      std::vector<std::pair<std::uint32_t, base::unique_fd>>& out) {
        for (std::uint32_t l = 0; l < all.size(); ++l) {
            auto& own = all[l];
            if (own.size() == 1) {
                out.emplace_back(l, base::unique_fd(::fcntl(own[0].get(), F_DUPFD_CLOEXEC, 0)));
                continue;
            }
            for (std::size_t i = w; i < own.size(); i += setup_.workers)
                out.emplace_back(l, std::move(own[i]));
        }
    }

    // [any]
    void wake_up() noexcept {
        const char one = 1;
        (void)!::write(wake_[1], &one, 1);
    }

    // Freed on the control thread, whoever lets go of it last.
    std::shared_ptr<const stream::generation> owned(
        std::shared_ptr<const stream::generation> made) {
        if (!made) return nullptr;
        const auto* raw = made.get();
        return {raw, [this, made = std::move(made)](const stream::generation*) mutable {
                    graveyard_.bring(std::exchange(made, nullptr));
                }};
    }

    void report(bool ok) {
        std::lock_guard lock(mutex_);
        ++(ok ? started_ : failed_);
        changed_.notify_all();
    }

    // --- names

    // With what is found within a moment.
    std::shared_ptr<const stream::generation> with_names(
        std::shared_ptr<const stream::generation> made) {
        names_.wait(names_wait_max, [&] {
            return std::all_of(made->upstreams.begin(), made->upstreams.end(),
                               [](const auto& u) { return !u->feed || u->feed->answered(); });
        });
        std::vector<std::string> lines;
        if (auto next = owned(with_new_endpoints(*made, lines))) made = std::move(next);
        tell(lines);
        renewed_ = std::chrono::steady_clock::now();
        for (const auto& u : made->upstreams)
            if (u->feed && u->endpoints.empty())
                base::log(log_level::warning,
                          "upstream '" + u->name + "' has no endpoint until a name is resolved");
        return made;
    }

    static void tell(const std::vector<std::string>& lines) {
        for (const auto& line : lines) base::log(log_level::info, line);
    }

    // How long until there is to be looked again, in ms; -1: somebody will ring.
    int renew_endpoints() {
        if (ending_) return -1;
        using std::chrono::duration_cast, std::chrono::milliseconds;
        const auto since = std::chrono::steady_clock::now() - renewed_;
        if (since < renewal_gap)
            return static_cast<int>(duration_cast<milliseconds>(renewal_gap - since).count()) + 1;
        if (!names_.take_change()) return -1;
        std::vector<std::string> lines;
        const auto next = owned(with_new_endpoints(*plan_, lines));
        if (!next) return -1;
        on_each_worker([&](worker& w, unsigned) { return w.renew(next), true; });
        plan_ = next;
        tell(lines);
        renewed_ = std::chrono::steady_clock::now();
        return -1;
    }

    // Those that the plan does not go on with; null: all.
    void close_feeds_but_of(const stream::generation* next) {
        std::set<const upstream::feed*> stay;
        if (next)
            for (const auto& u : next->upstreams) stay.insert(u->feed.get());
        for (const auto& u : plan_->upstreams)
            if (u->feed && !stay.contains(u->feed.get())) u->feed->close();
    }

    // The control thread: what the master or the signals say, until every worker has ended.
    void serve() {
        handle_events();
        while (!all_ended()) {
            pollfd fds[] = {{setup_.control.fd(), POLLIN, 0}, {wake_[0], POLLIN, 0}};
            const int look_in = measure_memory(), renew_in = renew_endpoints();
            ::poll(fds, 2, renew_in >= 0 ? std::min(look_in, renew_in) : look_in);
            if (fds[1].revents) {
                char some[64];
                (void)!::read(wake_[0], some, sizeof some);
                if (graveyard_.bury()) ::malloc_trim(0);
            }
            handle_events();
        }
    }

    // How long until the next time, in ms. What was freed is given back first where it is much, or
    // memory is short: it would count as used.
    int measure_memory() {
        const bool is_short = memory_.level() != base::memory_level::normal;
        const auto before = memory_.blocks();
        blocks_peak_ = std::max(blocks_peak_, before);
        if (is_short || before + trim_least < blocks_peak_) {
            ::malloc_trim(0);
            blocks_peak_ = before;
        }
        const auto now = resident_bytes();
        memory_.measured(now, before);
        return is_short ? 100 : 1000;
    }

    bool all_ended() {
        std::lock_guard lock(mutex_);
        return ended_ == setup_.workers;
    }

    void handle_events() {
        while (const auto event = setup_.control.take()) switch (*event) {
                case control_event::drain:
                    ending_ = true;
                    base::log(log_level::info,
                              "draining: no new connections, what runs is finished");
                    for (const auto& w : workers_) w->begin_drain();
                    break;
                case control_event::stop:
                    ending_ = true;
                    stop_all();
                    break;
                case control_event::reload:
                    reload();
                    break;
                case control_event::reopen_logs:
                    for (const auto& l : plan_->all_logs)
                        if (l->hooks.reopen) l->instance->ask(l->hooks.reopen);
                    break;
            }
    }

    void stop_all() {
        for (const auto& w : workers_) w->stop();
    }

    // --- reload

    void reload() {
        if (ending_) return base::log(log_level::info, "not reloaded: this engine is ending");
        base::log(log_level::info, "reloading");
        const auto begun = std::chrono::steady_clock::now();
        const auto next = setup_.read_again();
        show(next->problems);
        if (!next->conf) return refuse();
        config::diagnostics problems;
        problems.files() = next->problems.files();
        auto made = owned(build_generation(next->conf, next->plugins, services_,
                                           build_purpose::start, problems, plan_.get(), &names_));
        std::optional<listener_sockets> sockets;
        if (made) sockets = open_new_listeners(*made, problems);
        show(problems);
        if (!made || !sockets) return refuse();
        made = with_names(std::move(made));
        if (!on_each_worker([&](worker& w, unsigned) { return w.enter(*made); })) {
            on_each_worker([](worker& w, unsigned) { return w.turn_back(), true; });
            for (std::size_t i = 0; i < sockets->size(); ++i)
                if (!(*sockets)[i].empty()) close_listener(*made->listeners[i]);
            return refuse();
        }
        const auto kept = count_kept(*made);
        go_over_to(made, *sockets);
        using std::chrono::duration_cast, std::chrono::milliseconds;
        const auto took = duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
        base::log(log_level::info,
                  "reloaded in " + std::to_string(took.count()) + " ms: generation " +
                      std::to_string(plan_->number) + ", " + std::to_string(kept) + " of " +
                      std::to_string(plan_->instances.size()) + " instances as before");
    }

    static void refuse() {
        base::log(log_level::error, "reload refused: what was in force stays in force");
    }

    std::optional<listener_sockets> open_new_listeners(const stream::generation& next,
                                                       config::diagnostics& problems) {
        return open_listeners(*next.model, setup_.listeners, setup_.workers, problems,
                              [this](const config::listener& l) {
                                  return std::any_of(
                                      plan_->listeners.begin(), plan_->listeners.end(),
                                      [&](const auto& old) { return same_place(*old->conf, l); });
                              });
    }

    void close_listener(const stream::listener_plan& l) {
        setup_.listeners.close(l.conf->address, l.name);
    }

    std::size_t count_kept(const stream::generation& next) const {
        const std::set<std::shared_ptr<plugin::instance>> before(plan_->instances.begin(),
                                                                 plan_->instances.end());
        return static_cast<std::size_t>(
            std::count_if(next.instances.begin(), next.instances.end(),
                          [&](const auto& i) { return before.contains(i); }));
    }

    void go_over_to(const std::shared_ptr<const stream::generation>& next,
                    listener_sockets& sockets) {
        std::vector<std::uint32_t> now(plan_->listeners.size(), turnover::gone);
        for (const auto& old : plan_->listeners) {
            for (const auto& l : next->listeners)
                if (same_place(*old->conf, *l->conf)) now[old->index] = l->index;
            // The workers' own copies take what waits, then close for good.
            if (now[old->index] == turnover::gone) close_listener(*old);
        }
        std::vector<turnover> all(setup_.workers);
        for (unsigned w = 0; w < setup_.workers; ++w) {
            all[w].plan = next;
            all[w].listeners = now;
            give_sockets(sockets, w, all[w].sockets);
        }
        on_each_worker([&](worker& w, unsigned i) { return w.go_over(std::move(all[i])), true; });
        close_feeds_but_of(next.get());
        plan_ = next;
    }

    // Waits until each has done it. False: one of them says so.
    bool on_each_worker(const std::function<bool(worker&, unsigned)>& work) {
        unsigned done = 0, good = 0;
        for (unsigned i = 0; i < setup_.workers; ++i)
            workers_[i]->ask([&, i] {
                const bool ok = work(*workers_[i], i);
                const std::lock_guard lock(mutex_);
                ++done;
                good += ok ? 1 : 0;
                changed_.notify_all();
            });
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(lock, worker_late, [&] { return done == setup_.workers; }))
            base::log(log_level::warning, "a worker is held up: the reload waits for it");
        return good == setup_.workers;
    }

    static constexpr std::chrono::seconds worker_late{5};

    engine_setup& setup_;
    pipe_pair wake_;
    plugin::services services_;
    upstream::discovery_port names_;
    graveyard graveyard_;
    bool ending_ = false;
    std::chrono::steady_clock::time_point renewed_{};  // When endpoints were exchanged last.
    std::shared_ptr<const stream::generation> plan_;
    stream::spill_use spilled_{0};
    stream::offload_pool offload_{
        [this](unsigned index, const std::function<void(plugin::marker_slot&)>& work) {
            const std::uint32_t line = 1 + setup_.workers + index;  // Behind those of the workers.
            const crash_stack own_stack(line);
            work(*reinterpret_cast<plugin::marker_slot*>(&setup_.board.line_of(line)));
        }};
    base::memory_budget memory_;
    std::uint64_t blocks_peak_ = 0;  // Since the C library last gave back what was freed.
    memory_metrics metrics_;
    std::vector<std::unique_ptr<worker>> workers_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned started_ = 0, failed_ = 0, ended_ = 0;
};

}  // namespace

void engine_check(const std::shared_ptr<const config::model>& conf, plugin::catalog& plugins,
                  config::diagnostics& problems) {
    plugin::services services(1);
    stream::provide_services(services);
    build_generation(conf, plugins, services, build_purpose::check, problems);
}

void engine_check_refused(const std::shared_ptr<const config::model>& refused,
                          plugin::catalog& plugins, config::diagnostics& problems) {
    plugin::services services(1);
    stream::provide_services(services);
    check_instances(refused, plugins, services, problems);
}

int engine_main(engine_setup& setup) {
    return engine(setup).run();
}

}  // namespace pkernel::runtime

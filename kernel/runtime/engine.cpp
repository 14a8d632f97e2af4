#include "kernel/runtime/engine.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include "kernel/base/siphash.hpp"
#include "kernel/runtime/crash_signals.hpp"
#include "kernel/runtime/generation_builder.hpp"
#include "kernel/runtime/memory_limit.hpp"
#include "kernel/runtime/report.hpp"
#include "kernel/runtime/worker.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/stream_services.hpp"

namespace pkernel::runtime {

namespace {

using base::log_level;

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

class engine {
public:
    explicit engine(engine_setup& setup)
        : setup_(setup),
          services_(setup.workers),
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
        stream::provide_services(services_);
    }

    int run() {
        config::diagnostics problems;  // Without what loading has shown already.
        problems.files() = setup_.problems.files();
        plan_ = build_generation(setup_.conf, setup_.plugins, services_, build_purpose::start,
                                 problems);
        std::optional<listener_sockets> sockets;
        if (plan_)
            sockets = open_listeners(*setup_.conf, setup_.listeners, setup_.workers, problems);
        if (plan_ && sockets && !fits_in_memory(problems)) sockets.reset();
        show(problems);
        if (!plan_ || !sockets) return static_cast<int>(problems.exit());
        const bool up = start_workers(std::move(*sockets));
        if (up) {
            setup_.control.ready(setup_.workers);
            base::log(log_level::info, "ready");
            ::malloc_trim(0);  // Reading a config takes several times what it leaves behind.
            serve();
        } else {
            stop_all();
        }
        for (auto& t : threads_) t.join();
        // Threads of plugins may hold wakers: they end before what wakers lead to.
        for (const auto& i : plan_->instances) i->stop();
        workers_.clear();
        plan_.reset();
        return up ? 0 : static_cast<int>(config::exit_class::plugin);
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
        if (!setup_.conf->memory) base::log(log_level::error, what);
        config::diagnostic d;
        d.number = config::code::memory_too_small;
        d.at = setup_.conf->memory_at;
        d.message = what;
        d.exit = config::exit_class::bind;
        problems.add(std::move(d));
        return false;
    }

    bool start_workers(listener_sockets sockets) {
        const auto via = via_of_installation();
        const auto counts = std::make_shared<connection_counts>(plan_->listeners.size());
        for (unsigned w = 0; w < setup_.workers; ++w) {
            worker_setup s;
            s.index = w;
            s.marker = reinterpret_cast<plugin::marker_slot*>(&setup_.board.line_of(1 + w));
            s.plan = plan_;
            s.connections_max = setup_.connections_max / setup_.workers;
            s.counts = counts;
            s.via = via;
            s.offload = &offload_;
            s.memory = &memory_;
            s.metrics = &metrics_;
            give_sockets(sockets, w, s);
            workers_.push_back(std::make_unique<worker>(std::move(s)));
        }
        for (const auto& w : workers_)
            threads_.emplace_back([this, worker = w.get()] {
                worker->run([this](bool ok) { report(ok); });
                std::lock_guard lock(mutex_);
                ++ended_;
                const char one = 1;
                (void)!::write(wake_[1], &one, 1);
            });
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return started_ + failed_ == setup_.workers; });
        return failed_ == 0;
    }

    // Worker w serves the sockets w, w + n, w + 2n...; one that all share is served by all.
    void give_sockets(listener_sockets& all, unsigned w, worker_setup& s) {
        for (std::uint32_t l = 0; l < all.size(); ++l) {
            auto& own = all[l];
            if (own.size() == 1) {
                s.sockets.emplace_back(l,
                                       base::unique_fd(::fcntl(own[0].get(), F_DUPFD_CLOEXEC, 0)));
                continue;
            }
            for (std::size_t i = w; i < own.size(); i += setup_.workers)
                s.sockets.emplace_back(l, std::move(own[i]));
        }
    }

    void report(bool ok) {
        std::lock_guard lock(mutex_);
        ++(ok ? started_ : failed_);
        changed_.notify_all();
    }

    // The control thread: what the master or the signals say, until every worker has ended.
    void serve() {
        handle_events();
        while (!all_ended()) {
            pollfd fds[] = {{setup_.control.fd(), POLLIN, 0}, {wake_[0], POLLIN, 0}};
            ::poll(fds, 2, measure_memory());
            if (fds[1].revents) {
                char some[64];
                (void)!::read(wake_[0], some, sizeof some);
            }
            handle_events();
        }
    }

    // How long until the next time, in ms. What was freed is given back first where memory is
    // short: it would count as used.
    int measure_memory() {
        const bool is_short = memory_.level() != base::memory_level::normal;
        const auto before = memory_.blocks();
        if (is_short) ::malloc_trim(0);
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
                    base::log(log_level::info,
                              "draining: no new connections, what runs is finished");
                    for (const auto& w : workers_) w->begin_drain();
                    break;
                case control_event::stop:
                    stop_all();
                    break;
                case control_event::reload:
                    base::log(log_level::warning, "this version cannot reload yet: restart it");
                    break;
                case control_event::reopen_logs:
                    for (const auto& l : plan_->all_logs)
                        if (l->hooks.reopen) l->hooks.reopen(l->instance->self());
                    break;
            }
    }

    void stop_all() {
        for (const auto& w : workers_) w->stop();
    }

    engine_setup& setup_;
    plugin::services services_;
    std::shared_ptr<const stream::generation> plan_;
    stream::offload_pool offload_{
        [this](unsigned index, const std::function<void(plugin::marker_slot&)>& work) {
            const std::uint32_t line = 1 + setup_.workers + index;  // Behind those of the workers.
            const crash_stack own_stack(line);
            work(*reinterpret_cast<plugin::marker_slot*>(&setup_.board.line_of(line)));
        }};
    base::memory_budget memory_;
    memory_metrics metrics_;
    std::vector<std::unique_ptr<worker>> workers_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned started_ = 0, failed_ = 0, ended_ = 0;
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
    } wake_;
};

}  // namespace

void engine_check(const std::shared_ptr<const config::model>& conf, plugin::catalog& plugins,
                  config::diagnostics& problems) {
    plugin::services services(1);
    stream::provide_services(services);
    build_generation(conf, plugins, services, build_purpose::check, problems);
}

int engine_main(engine_setup& setup) {
    return engine(setup).run();
}

}  // namespace pkernel::runtime

// What a filter costs a request: a whole stream that a handler answers, through chains of filters
// that do nothing. Run by hand; the difference to the empty chain, divided by the filters, counts:
// at most 30 ns for one that is shown request heads, nothing for one that is not.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kernel/http/target.hpp"
#include "kernel/plugin/this_thread.hpp"
#include "kernel/runtime/generation_builder.hpp"
#include "kernel/runtime/loading.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_services.hpp"

using namespace pkernel;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view request =
    "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n";

struct folder {
    folder() {
        char name[] = "/tmp/pkernel-bench.XXXXXX";
        if (!::mkdtemp(name)) std::abort();
        path = name;
        fs::permissions(path, fs::perms(0755));
        for (const fs::path file : {PKERNEL_BENCH_RESPOND, PKERNEL_BENCH_NOOP})
            fs::copy_file(file, path / file.filename());
    }
    ~folder() { fs::remove_all(path); }
    fs::path path;
};

struct client final : stream::downstream {
    void send_informational(std::uint32_t, const http::fields&) override {}
    void send_head(const stream::response_out& head) override { status = head.status; }
    void send_data(base::slice data) override { benchmark::DoNotOptimize(data.data()); }
    void send_end(const http::fields&) override { ended = true; }
    std::size_t queued() const noexcept override { return 0; }
    void abort(base::end_reason) override {}
    void resume_request() override {}
    void send_continue() override {}

    std::uint32_t status = 0;
    bool ended = false;
};

// An engine without sockets.
struct engine {
    explicit engine(const std::string& filters) {
        const auto file = plugins.path / "pk.yaml";
        std::ofstream(file) << "listeners: [ \"127.0.0.1:1\" ]\n"
                               "routes: [ { match: { path: / }, filters: ["
                            << filters << "], handler: { respond: { status: 204 } } } ]\n";
        runtime::command_line line;
        line.config_file = file;
        line.plugins_dir = plugins.path;
        what.emplace(line);
        what->load();
        stream::provide_services(services);
        if (what->conf)
            plan = runtime::build_generation(what->conf, what->plugins, services,
                                             runtime::build_purpose::start, what->problems);
        if (!plan) std::abort();
        plugin::become_worker(0);
        for (const auto& each : plan->instances) each->worker_init(0);
        site->plan = plan;
        context.current = site;
    }

    ~engine() {
        here.close();
        for (const auto& each : plan->instances) each->worker_exit(0);
    }

    bool serve(client& to) {
        to.ended = false;
        stream::stream* s = context.new_stream();
        s->open(to, site, *plan->listeners[0]);
        std::size_t used = 0;
        http::parse_fault fault;
        http::parse_request(request, 0, plan->listeners[0]->head_limits, s->head, &used, fault);
        http::make_request(s->head, false, s->arena, s->request, fault);
        s->begin(false);
        s->request_end();
        s->finish();
        context.free_stream(s);
        return to.ended && to.status == 204;
    }

    folder plugins;
    std::optional<runtime::reading> what;
    plugin::services services{1};
    std::shared_ptr<const stream::generation> plan;
    net::loop loop;
    plugin::marker_slot marker{};
    stream::context context{loop, 0, marker};
    stream::services_of_thread here{context};
    std::shared_ptr<stream::site> site = std::make_shared<stream::site>();
};

void chain(benchmark::State& state, const std::string& filter) {
    std::string filters;
    for (int i = 0; i < state.range(0); ++i) filters += (i ? ", " : "") + filter;
    engine e(filters);
    client to;
    for (auto _ : state)
        if (!e.serve(to)) {
            state.SkipWithError("the request was not answered");
            break;
        }
}

BENCHMARK_CAPTURE(chain, shown_heads, std::string("noop"))->Arg(0)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(chain, shown_nothing, std::string("noop: false"))->Arg(1)->Arg(16);

}  // namespace

BENCHMARK_MAIN();

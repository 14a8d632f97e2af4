// bench_load: the load generator. See options.cpp for its command line.

#include <signal.h>
#include <sys/prctl.h>

#include <cstdio>
#include <string>

#include "generator.hpp"
#include "idle.hpp"

namespace {

// In microseconds, of a sorted list.
double percentile(const std::vector<std::uint64_t>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
    return static_cast<double>(sorted[rank]) / 1000;
}

// What a peer sent must not break the line of JSON.
std::string printable(std::string text) {
    for (char& c : text)
        if (c < ' ' || c > '~' || c == '"' || c == '\\') c = '?';
    return text;
}

void print(const bench::result& result) {
    std::printf("{\"requests\": %lu, \"bytes\": %lu, \"seconds\": %.6f, \"cpu_ns\": %lu, ",
                result.requests, result.bytes, result.seconds, result.cpu_ns);
    if (!result.latency_ns.empty()) {
        const auto& l = result.latency_ns;
        std::printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, ",
                    percentile(l, 0.5), percentile(l, 0.9), percentile(l, 0.99),
                    percentile(l, 0.999));
        std::printf("\"max_us\": %.1f, ", percentile(l, 1));
    }
    std::printf("\"errors\": %lu, \"wrong\": %lu, \"first_failure\": \"%s\"}\n", result.errors,
                result.wrong, printable(result.first_failure).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const bench::options opts = bench::parse_options(argc, argv);
    ::signal(SIGPIPE, SIG_IGN);
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // Fixed times are met to the microsecond, not to 50.
    if (opts.idle) return bench::hold_idle(opts);
    const bench::result result = bench::generator(opts).run();
    print(result);
    return result.errors + result.wrong == 0 ? 0 : 1;
}

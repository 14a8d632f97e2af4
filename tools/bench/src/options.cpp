#include "options.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "websocket.hpp"

namespace bench {
namespace {

constexpr const char* usage =
    "usage: bench_load --port N [--connections N] [--size BYTES] [--post BYTES] [--routes N]\n"
    "  [--close] [--forwarded] [--sources] [--cookie VALUE]... [--websocket] [--tls | --resume] "
    "[--warmup S] [--seconds S | --requests N] "
    "[--rate PER_S]\n"
    "  [--account PID,PID...] [--idle]\n"
    "Prints one line of JSON. Exit 1: an error or a wrong answer was counted.\n";

[[noreturn]] void refuse(std::string_view what) {
    std::fprintf(stderr, "bench_load: %.*s\n%s", static_cast<int>(what.size()), what.data(), usage);
    std::exit(2);
}

std::vector<pid_t> pids(const char* text) {
    std::vector<pid_t> result;
    for (char* end = nullptr; *text != '\0'; text = *end == ',' ? end + 1 : end)
        result.push_back(static_cast<pid_t>(std::strtol(text, &end, 10)));
    return result;
}

}  // namespace

options parse_options(int argc, char** argv) {
    options result;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--close") {
            result.close = true;
            continue;
        }
        if (name == "--forwarded") {
            result.forwarded = true;
            continue;
        }
        if (name == "--sources") {
            result.sources = true;
            continue;
        }
        if (name == "--websocket") {
            result.websocket = true;
            continue;
        }
        if (name == "--tls" || name == "--resume") {
            result.tls = true;
            result.resume = result.resume || name == "--resume";
            continue;
        }
        if (name == "--idle") {
            result.idle = true;
            continue;
        }
        if (i + 1 == argc) refuse(name);
        const char* value = argv[++i];
        const auto whole = std::strtoull(value, nullptr, 10);
        if (name == "--port")
            result.port = static_cast<std::uint16_t>(whole);
        else if (name == "--connections")
            result.connections = whole;
        else if (name == "--size")
            result.size = whole;
        else if (name == "--post")
            result.post = whole;
        else if (name == "--routes")
            result.routes = whole;
        else if (name == "--warmup")
            result.warmup_s = std::strtod(value, nullptr);
        else if (name == "--seconds")
            result.seconds = std::strtod(value, nullptr);
        else if (name == "--rate")
            result.rate = std::strtod(value, nullptr);
        else if (name == "--requests")
            result.requests = whole;
        else if (name == "--cookie")
            result.cookies.emplace_back(value);
        else if (name == "--account")
            result.account = pids(value);
        else
            refuse(name);
    }
    if (result.port == 0 || result.connections == 0) refuse("--port is missing");
    if (result.size > (64u << 20) || result.post > (64u << 20)) refuse("bodies end at 64 MiB");
    if (result.websocket && (result.size > websocket::message_max || result.size < 8))
        refuse("a message has 8 to 125 bytes: --size");
    return result;
}

}  // namespace bench

// The contract of the SDK: three filters and a handler do at random what may be done in each hook
// (wait, resume late or twice, collect, emit, reply, reset, throw, subrequests, jobs), while
// clients and the origin do as a script says. The plugin itself aborts when it is called after its
// end.

#include "fuzz_check.hpp"
#include "script.hpp"

using namespace pkernel::fuzz;

namespace {

constexpr std::string_view routes =
    "  - match: { path: /handler }\n"
    "    filters: [ probe: a ]\n"
    "    handler: { probe: {} }\n"
    "  - match: { path: / }\n"
    "    filters: [ probe: a, probe: b, probe: c ]\n"
    "    forward: app\n";
constexpr int steps_max = 40;

constexpr std::string_view hooks[] = {"request",  "data",  "end",  "collected",  "informational",
                                      "response", "sdata", "send", "scollected", "handler"};
constexpr std::string_view deeds[] = {
    "wait-timer",   "wait-waker",     "wait-twice",      "wait-now",     "wait-early",
    "wait-late",    "reply",          "reset",           "throw",        "late-reply",
    "late-throw",   "again",          "collect:10",      "collect:1000", "set:x",
    "remove:x-b",   "status:299",     "respond",         "transform",    "note:x",
    "offload:A",    "sub:/ok",        "sub-rest:",       "half",         "sub-slow:/",
    "sub-cancel:/", "sub-detached:/", "sub-timeout:/x",  "sub-deep:/",   "upper",
    "triple",       "pass",           "flood:400000",    "finish",       "trailer",
    "drop",         "sub-small:/",    "collect-stream:3"};
constexpr std::string_view heads[] = {"GET /", "POST /", "GET /handler", "POST /handler"};

std::string field(std::string_view name, reader& in) {
    std::string out(name);
    for (unsigned n = in.byte() % 4; n > 0 && !in.empty(); --n) {
        const unsigned which = in.byte();
        out.append(" ").append(hooks[which % std::size(hooks)]).append("=");
        out.append(deeds[in.byte() % std::size(deeds)]);
    }
    return out + "\r\n";
}

// A request whose fields tell the filters what to do.
std::string request(reader& in) {
    const unsigned how = in.byte();
    std::string out(heads[how % 4]);
    out += how & 4 ? " HTTP/1.0\r\nHost: a\r\nX-Quiet: 1\r\n" : " HTTP/1.1\r\nHost: a\r\n";
    for (const auto name : {"X-A:", "X-B:", "X-C:"}) out += field(name, in);
    if (how & 8) return out + "Content-Length: 20\r\n\r\n" + "12345678901234567890";
    if (how & 16) return out + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    return out + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static worker_rig& rig = *new worker_rig(PKERNEL_FUZZ_PROBES, routes);  // Until exit.
    reader in{{reinterpret_cast<const char*>(data), size}};
    for (int i = 0; i < steps_max && !in.empty(); ++i) {
        if (i % 4 == 0) {
            if (rig.clients.empty()) rig.connect();
            rig.clients.back()->send(request(in));
            rig.turn();
        }
        step(rig, in);
    }
    FUZZ_CHECK(rig.end_run());
    return 0;
}

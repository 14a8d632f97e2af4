// Whole connections: a script of client and origin bytes, ends and waits, played through a worker's
// real sockets. What each side received is judged, and nothing may be left behind.

#include "fuzz_check.hpp"
#include "script.hpp"

using namespace pkernel::fuzz;

namespace {

constexpr std::string_view routes =
    "  - match: { path: /here }\n"
    "    handler: { respond: { status: 200, body: \"here\" } }\n"
    "  - match: { path: / }\n"
    "    forward: app\n"
    "    limits: { request_body: 1MiB }\n";
constexpr int steps_max = 60;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static worker_rig& rig = *new worker_rig(PKERNEL_FUZZ_PLUGINS, routes);  // Until exit.
    reader in{{reinterpret_cast<const char*>(data), size}};
    for (int i = 0; i < steps_max && step(rig, in); ++i) {
    }
    for (const auto* all : {&rig.clients, &rig.origins})
        for (const auto& p : *all) p->reads = true;
    rig.turn();
    judge(rig);
    FUZZ_CHECK(rig.end_run());
    return 0;
}

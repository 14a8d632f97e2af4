// A plugin that is bad before anybody has called it, in its constructor. Built as NAME, once for
// each way, for tests/integration/test_reload.py.

#include <unistd.h>

#include <csignal>

#include <pkernel/plugin.hpp>

namespace {

[[maybe_unused]] const int at_load = [] {
#if defined CRASHES
    std::raise(SIGSEGV);
#elif defined HANGS
    for (;;) ::pause();
#elif defined EXITS
    ::_exit(0);
#endif
    return 0;  // NOLINT: some ways do not come here.
}();

struct settings {
    bool never = false;
};
constexpr auto schema =
    pk::schema<settings>(pk::boolean("never", &settings::never, "Is never asked for."));

class bad_load {
public:
    explicit bad_load(const settings&) {}
    pk::verdict on_request(pk::stream&) const { return pk::next; }
};

}  // namespace

PKERNEL_PLUGIN(NAME, "1.0.0", "Cannot be loaded.", pk::http_filter<bad_load, schema>);

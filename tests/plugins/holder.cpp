// A filter that holds its worker for a while in each request, as work for the processor does; but
// it sleeps, so that a test of overload leaves the processor to its clients.

#include <pkernel/plugin.hpp>

#include <thread>

namespace {

struct settings {
    std::chrono::nanoseconds time = std::chrono::milliseconds(1);
};

constexpr auto schema =
    pk::schema<settings>(pk::duration("time", &settings::time, "How long.").main());

class holder {
public:
    explicit holder(const settings& conf) : time_(conf.time) {}
    pk::verdict on_request(pk::stream&) const {
        std::this_thread::sleep_for(time_);
        return pk::next;
    }

private:
    const std::chrono::nanoseconds time_;
};

}  // namespace

PKERNEL_PLUGIN("holder", "1.0.0", "Holds its worker.", pk::http_filter<holder, schema>);

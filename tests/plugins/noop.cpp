// A filter that does nothing, for tests/bench_chain.cpp: what does one more cost?

#include <pkernel/plugin.hpp>

namespace {

struct settings {
    bool asked = true;
};

constexpr auto schema = pk::schema<settings>(
    pk::boolean("asked", &settings::asked, "Whether request heads are shown to it at all.").main());

class noop {
public:
    explicit noop(const settings& conf) : asked_(conf.asked) {}
    std::uint32_t interest() const { return asked_ ? PK_ON_REQUEST_HEADERS : 0; }
    pk::verdict on_request(pk::stream&) const { return pk::next; }

private:
    const bool asked_;
};

}  // namespace

PKERNEL_PLUGIN("noop", "1.0.0", "Does nothing.", pk::http_filter<noop, schema>);

// A balancer: the first endpoint that may be picked.

#include <pkernel/plugin.hpp>

namespace {

class first {
public:
    std::uint32_t pick(const pk::pick& p) const noexcept { return p.candidate(0); }
};

}  // namespace

PKERNEL_PLUGIN("first", "1.0.0", "The first endpoint that is up.", pk::balancer<first>);

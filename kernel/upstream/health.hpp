// The health sources of an upstream: what they are given, and what follows what they say.

#pragma once

#include <memory>

#include "kernel/plugin/instance.hpp"
#include "pkernel/abi/health.h"

namespace pkernel::upstream {

struct upstream;

// A source of one upstream, with what its plugin knows the upstream by. Its address is the plugin's
// handle, so it never moves.
struct health_source : pk_health_upstream {
    health_source(upstream& u, std::uint32_t number, std::shared_ptr<plugin::instance> i);
    health_source(const health_source&) = delete;
    health_source& operator=(const health_source&) = delete;

    upstream& of;
    const std::uint32_t number;  // Among the sources of the upstream.
    const std::shared_ptr<plugin::instance> instance;
    const pk_health hooks;
};

// [control] Once for each source, in the order of the config, when the upstream was published.
void add_health_source(upstream& u, std::shared_ptr<plugin::instance> instance);

}  // namespace pkernel::upstream

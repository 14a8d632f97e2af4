// From a checked config to a generation that workers can run: instances made, chains laid, routes
// indexed.

#pragma once

#include <memory>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/model.hpp"
#include "kernel/plugin/catalog.hpp"
#include "kernel/plugin/services.hpp"
#include "kernel/stream/plan.hpp"

namespace pkernel::runtime {

// How far to go: `check` creates and validates every instance, which changes nothing outside;
// `start` starts them as well.
enum class build_purpose { check, start };

// [control] All that is wrong goes to `out`; then the answer is null and what was made is stopped
// and destroyed again.
std::shared_ptr<const stream::generation> build_generation(
    std::shared_ptr<const config::model> conf, const plugin::catalog& plugins,
    plugin::services& services, build_purpose purpose, config::diagnostics& out);

}  // namespace pkernel::runtime

// From a checked config to a generation that workers can run: instances made, chains laid, routes
// indexed.

#pragma once

#include <memory>
#include <string>
#include <vector>

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
// and destroyed again. With `running`, the generation in force, what has not changed is taken from
// it: instances of the same place, options and file, and the counts of listeners; an instance with
// other options may take over the state of the one before. Names of endpoints are looked for
// through `port`; without one they have no endpoints. Nothing here waits for that.
std::shared_ptr<const stream::generation> build_generation(
    std::shared_ptr<const config::model> conf, const plugin::catalog& plugins,
    plugin::services& services, build_purpose purpose, config::diagnostics& out,
    const stream::generation* running = nullptr, upstream::discovery_port* port = nullptr);

// [control] Of a config that was refused: creates and validates the instances whose options are
// sound, tells `out` what they complain of, and lets go of them.
void check_instances(std::shared_ptr<const config::model> refused, const plugin::catalog& plugins,
                     plugin::services& services, config::diagnostics& out);

// [control] The same with the endpoints that its names stand for now; null: it has them. Which came
// and went is for the log, when it is in force.
std::shared_ptr<const stream::generation> with_new_endpoints(const stream::generation& from,
                                                             std::vector<std::string>& lines);

// A listener is another one's successor if it stands at the same address; at port 0, if it has the
// same name as well.
bool same_place(const config::listener& a, const config::listener& b);

}  // namespace pkernel::runtime

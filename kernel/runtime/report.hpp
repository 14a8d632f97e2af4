// What people are shown of a config, and where its listeners are. [control]

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/model.hpp"
#include "kernel/runtime/listener_source.hpp"

namespace pkernel::runtime {

// On stderr, in the format of behaviour G, with colour on a terminal. Nothing when there is
// nothing.
void show(const config::diagnostics& all);

// The sockets of each listener of `conf`, in its order, logged as "listening on 127.0.0.1:80
// (listener 'web')". All are tried; each that fails is an error of exit class `bind` in `out`, at
// its address, and then there is no answer.
// What `is_open` tells of is left alone, and has none.
using listener_sockets = std::vector<std::vector<base::unique_fd>>;
std::optional<listener_sockets> open_listeners(
    const config::model& conf, listener_source& from, unsigned workers, config::diagnostics& out,
    const std::function<bool(const config::listener&)>& is_open = {});

}  // namespace pkernel::runtime

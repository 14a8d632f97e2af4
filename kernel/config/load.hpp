// The one door of this layer: a file in, a checked model or all its errors out.

#pragma once

#include <memory>
#include <string>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/environment.hpp"
#include "kernel/config/model.hpp"
#include "kernel/config/plugin_catalog.hpp"

namespace pkernel::config {

// Reads `file` and what it includes, expands, checks against the option tables (asking `plugins`
// for those of the plugins that are named) and checks what it means. All that is wrong goes to
// `out`; the answer is null if any of it is an error. Changes nothing outside.
std::shared_ptr<const model> load(const std::string& file, plugin_catalog& plugins,
                                  environment& outside, diagnostics& out);

}  // namespace pkernel::config

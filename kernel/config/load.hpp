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
// `out`; the answer is null if any of it is an error. Changes nothing outside. What could be read
// of a file with errors goes to `refused`: its uses that are `sound` can still be asked of their
// plugins, so that all mistakes are told at once.
std::shared_ptr<const model> load(const std::string& file, plugin_catalog& plugins,
                                  environment& outside, diagnostics& out,
                                  std::shared_ptr<const model>* refused = nullptr);

}  // namespace pkernel::config

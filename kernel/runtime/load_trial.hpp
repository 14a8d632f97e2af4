// Whether a plugin's file can be mapped at all, tried in a process of its own: a constructor that
// crashes, hangs or exits must not do so in an engine that serves.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/plugin/refusal.hpp"

namespace pkernel::runtime {

constexpr int load_trial_max_ms = 5000;

// [control] Runs this program with `words`, a command that prints something once it has loaded the
// plugin, and waits for its end. Nothing: it did, or it refused the file with the exit code for
// that, and loading will tell why. `path` is the file, for the sentence.
std::optional<plugin::refusal> try_to_load(const std::vector<std::string>& words,
                                           const std::string& path);

}  // namespace pkernel::runtime

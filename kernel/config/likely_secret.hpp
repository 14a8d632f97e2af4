// Guessing at secrets where no option table says what is one: a file that is not even valid YAML.

#pragma once

#include "kernel/config/position.hpp"
#include "kernel/config/sources.hpp"

namespace pkernel::config {

// Hides what follows a key such as `password:` or `api_key:` on the line of `at`.
void hide_likely_secret(sources& files, const position& at);

}  // namespace pkernel::config

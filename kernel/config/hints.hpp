// What a word that stands where it means nothing was probably meant to say: notes for errors.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkernel/abi/options.h"

namespace pkernel::config {

// What nginx, HAProxy or Apache call so, in the words of this config; empty: not a word of theirs.
std::string_view in_our_words(std::string_view word);

// Where the kernel's config has an option of that name: "'connect' is an option of 'timeouts' of an
// upstream"; empty: nowhere.
std::string option_elsewhere(std::string_view name);

// Where plugins of these extension points are named: "it is named under 'balancer' of an upstream".
// Empty when the kernel has no such point.
std::string plugin_belongs(const std::vector<std::string>& points);

// Where a table holds an option of that name further in: "'cert' stands under 'certificates'".
std::string option_within(const pk_option_table& table, std::string_view name);

}  // namespace pkernel::config

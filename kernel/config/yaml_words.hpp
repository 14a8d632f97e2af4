// What libfyaml says of a faulty text, in words that tell what to write.

#pragma once

#include <string>
#include <string_view>

namespace pkernel::config {

// libfyaml's own words where there are no better ones.
std::string plain_words(std::string_view message);

// A note for a text that is no YAML but looks like another program's config; else empty.
std::string_view other_language(std::string_view text);

}  // namespace pkernel::config

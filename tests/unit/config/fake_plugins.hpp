// A catalog of made-up plugins and an outside of made-up files, for the tests of the config layer.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/config/environment.hpp"
#include "kernel/config/option_builder.hpp"
#include "kernel/config/plugin_catalog.hpp"

namespace pkernel::config::testing {

// limiter, tally, static_site, shaft, plain (no options), robin, outer (a plugin in a plugin),
// broken (its table is wrong), sealed (a secret option); "old" is refused, anything else is
// missing.
class fake_plugins final : public plugin_catalog {
public:
    lookup_result find(std::string_view name, std::string_view point) override;
    std::vector<std::string> offered(std::string_view point) override;
    std::vector<std::string> points_of(std::string_view name) override;

    std::vector<std::string> asked;  // "name@point", in order.
};

// Files below /conf by default; a missing one says so.
class fake_outside final : public environment {
public:
    file_text read(const std::string& path, std::size_t size_max) override;
    std::optional<std::string> variable(std::string_view name) override;
    std::string working_directory() override { return "/conf"; }

    std::map<std::string, std::string> files;
    std::map<std::string, std::string, std::less<>> variables;
};

}  // namespace pkernel::config::testing

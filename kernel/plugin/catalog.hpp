// The plugins as one reading of the config sees them: each file is looked at once, however often
// its name is used, so that a file replaced in the middle of a load cannot be seen in two versions.

#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/plugin_catalog.hpp"
#include "kernel/plugin/loader.hpp"

namespace pkernel::plugin {

// Make one for each load of the config, keep it as long as what was read with it. The loader
// outlives it. [control]
class catalog final : public config::plugin_catalog {
public:
    explicit catalog(loader& files) : loader_(files) {}
    catalog(const catalog&) = delete;
    catalog& operator=(const catalog&) = delete;

    config::lookup_result find(std::string_view name, std::string_view point) override;
    std::vector<std::string> offered(std::string_view point) override;
    std::vector<std::string> points_of(std::string_view name) override;

    // The file of NAME, loaded when first asked for.
    outcome<file_ptr> load(std::string_view name) const;

    // Lets errors tell of plugins that the config does not name, which are loaded for it: for a
    // process that such an error ends.
    void may_browse() noexcept { browses_ = true; }

    // Everything has been made of it: files that nothing else holds are let go of.
    void forget() noexcept { seen_.clear(); }

private:
    std::vector<std::string> served_by(const plugin_file& file) const;

    loader& loader_;
    bool browses_ = false;
    mutable std::map<std::string, outcome<file_ptr>, std::less<>> seen_;
};

// What the command `plugins` shows of one file.
struct listed {
    std::string name;  // Of the file, without .so.
    std::string path;
    file_ptr file;                    // Null: refused.
    std::string abi;                  // "1.0", what it needs at least.
    std::vector<std::string> points;  // Those of the asked ones that it serves.
    std::string refused;              // One sentence.
};

// Every *.so of the loader's directory, by name. Loads them all.
std::vector<listed> list_plugins(loader& files, std::span<const std::string> points);

}  // namespace pkernel::plugin

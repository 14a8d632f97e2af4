// A plugins directory of the test's own, filled with samples (tests/abi/samples) or with anything
// else.

#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "kernel/plugin/loader.hpp"

namespace pkernel::plugin::testing {

inline std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string sample_path(const std::string& name) {
    return std::string(PKERNEL_SAMPLES_DIR) + "/" + name + ".so";
}

class scratch {
public:
    scratch() {
        char name[] = "/tmp/pkernel-test.XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~scratch() { std::filesystem::remove_all(path_); }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

    // A new file each time, as an installer makes one.
    void put(const std::string& file, std::string_view bytes) const {
        std::filesystem::remove(*this / file);
        std::ofstream(*this / file, std::ios::binary) << bytes;
        ::chmod((*this / file).c_str(), 0644);
    }
    void put_sample(const std::string& name) const {
        put(name + ".so", read_file(sample_path(name)));
    }

private:
    std::string path_;
};

inline host_abi test_abi() {
    host_abi abi;
    abi.build_id = "our-build";
    abi.offers = {"test.script/1", "test.point/1", "test.draft/1-draft"};
    return abi;
}

class workbench {
public:
    // Copies of plugin files go here.
    scratch copies;
    scratch plugins;

    loader make(plugin_dir::trust trust = plugin_dir::trust::checked) const {
        return loader(plugins.path(), trust, test_abi(), {copies.path()});
    }

    // The sentence with which `name` is refused; "loaded" if it is not.
    std::string refused(const std::string& name,
                        plugin_dir::trust trust = plugin_dir::trust::checked) const {
        auto files = make(trust);
        const auto file = files.load(name);
        return file.has_value() ? "loaded" : relative(file.error().text());
    }
    std::string refused_sample(const std::string& name) const {
        plugins.put_sample(name);
        return refused(name);
    }

    // With the directory's path as DIR.
    std::string relative(std::string text) const {
        const auto& path = plugins.path();
        for (auto at = text.find(path); at != text.npos; at = text.find(path)) {
            text.replace(at, path.size(), "DIR");
        }
        return text;
    }
};

// How many mappings of this process name `part`.
inline int mapped(std::string_view part) {
    std::ifstream maps("/proc/self/maps");
    int count = 0;
    for (std::string line; std::getline(maps, line);) count += line.find(part) != line.npos;
    return count;
}

}  // namespace pkernel::plugin::testing

// Each tests/golden/config/NAME.yaml must be answered by exactly what stands in NAME.expected.
//
// Files in a directory NAME.d stand beside it, for includes. PKERNEL_UPDATE_GOLDEN=1 writes anew.

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "kernel/config/load.hpp"
#include "kernel/config/render.hpp"
#include "tests/unit/config/fake_plugins.hpp"

namespace fs = std::filesystem;
using namespace pkernel::config;

namespace {

std::string read_text(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

fs::path golden_directory() {
    return PKERNEL_GOLDEN_DIR;
}

std::string answer(const fs::path& yaml) {
    testing::fake_plugins plugins;
    testing::fake_outside outside;
    outside.files["/conf/" + yaml.filename().string()] = read_text(yaml);
    outside.files["/conf/key.pem"] = "-----BEGIN PRIVATE KEY-----\n";
    outside.files["/conf/port"] = "8080\n";
    const fs::path beside = fs::path(yaml).replace_extension(".d");
    if (fs::is_directory(beside)) {
        for (const auto& file : fs::directory_iterator(beside)) {
            outside.files["/conf/" + file.path().filename().string()] = read_text(file.path());
        }
    }
    outside.variables["HOME_PORT"] = "8080";
    outside.variables["TIMEOUT"] = "hunter2";
    diagnostics out;
    const auto loaded = load(yaml.filename().string(), plugins, outside, out);
    return to_text(out, false) + "exit " + std::to_string(static_cast<int>(out.exit())) +
           (loaded ? ", loaded\n" : "\n");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden)

BOOST_AUTO_TEST_CASE(every_config_is_answered_as_expected) {
    const bool update = std::getenv("PKERNEL_UPDATE_GOLDEN") != nullptr;
    std::set<fs::path> files;
    for (const auto& file : fs::directory_iterator(golden_directory())) {
        if (file.path().extension() == ".yaml") files.insert(file.path());
    }
    BOOST_TEST(files.size() >= 40u);
    for (const auto& yaml : files) {
        const std::string got = answer(yaml);
        const fs::path expected = fs::path(yaml).replace_extension(".expected");
        if (update) {
            std::ofstream(expected, std::ios::binary) << got;
            continue;
        }
        BOOST_TEST(got == read_text(expected), yaml.filename().string() << " differs. Got:\n"
                                                                        << got << "Expected:\n"
                                                                        << read_text(expected));
    }
}

BOOST_AUTO_TEST_SUITE_END()

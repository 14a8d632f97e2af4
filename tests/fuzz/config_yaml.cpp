// Any bytes as a config file: read, checked and reported without a crash, and within the bounds.

#include <cstdint>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/config/load.hpp"
#include "kernel/config/render.hpp"
#include "tests/fuzz/libfyaml_leak.hpp"
#include "tests/unit/config/fake_plugins.hpp"

using namespace pkernel::config;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    testing::fake_plugins plugins;
    testing::fake_outside outside;
    outside.files["/conf/a.yaml"] = std::string(reinterpret_cast<const char*>(data), size);
    outside.files["/conf/b.yaml"] = "workers: 1\n";
    outside.variables["A"] = "a";
    diagnostics out;
    const auto loaded = load("a.yaml", plugins, outside, out);
    PK_CHECK((loaded != nullptr) == (out.errors() == 0));
    const std::string text = to_text(out, true) + to_json(out);
    PK_CHECK(!text.empty());
    return 0;
}

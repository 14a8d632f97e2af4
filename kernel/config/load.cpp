#include "kernel/config/load.hpp"

#include "kernel/config/include.hpp"
#include "kernel/config/kernel_options.hpp"
#include "kernel/config/model_reader.hpp"
#include "kernel/config/reader.hpp"

namespace pkernel::config {

std::shared_ptr<const model> load(const std::string& file, plugin_catalog& plugins,
                                  environment& outside, diagnostics& out,
                                  std::shared_ptr<const model>* refused) {
    const std::size_t errors_before = out.errors();
    auto tree = read_tree(file, outside, out);
    if (!tree) return nullptr;
    value_arena memory;
    option_reader reader(plugins, outside, out);
    const value* root = reader.read_root(*tree, kernel_options(), memory);
    tree.reset();
    auto read = model_reader(reader.uses(), plugins, out).read(*root);
    if (out.errors() != errors_before) {
        if (refused != nullptr) *refused = std::move(read);
        return nullptr;
    }
    std::vector<const plugin_use*> uses;
    for (const auto& u : reader.uses()) uses.push_back(u.get());
    std::string canonical;
    append_canonical(canonical, *root, uses);
    read->identity = digest_of(canonical);
    read->file = file;
    return read;
}

}  // namespace pkernel::config

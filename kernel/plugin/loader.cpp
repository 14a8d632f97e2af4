#include "kernel/plugin/loader.hpp"

#include "kernel/config/plugin_use.hpp"

namespace pkernel::plugin {

loader::loader(std::string_view directory, plugin_dir::trust trust, host_abi abi,
               const std::vector<std::string>& copy_places)
    : directory_(directory, trust),
      abi_(std::move(abi)),
      store_(std::make_shared<copy_store>(copy_places)) {}

outcome<file_ptr> loader::load(std::string_view name) {
    if (!is_plugin_name(name)) {
        return refuse("'" + std::string(name) + "' is not a plugin's name",
                      "lower-case letters, digits and '_', at most 47");
    }
    const auto bytes = directory_.read(name);
    if (!bytes.has_value()) return bytes.error();
    return map(name, *bytes);
}

outcome<file_ptr> loader::map(std::string_view name, const std::string& bytes) {
    const auto path = directory_.path_of(name);
    const auto note = read_note(bytes);
    if (!note.has_value()) return refuse(path + " " + note.error());
    if (auto why = check_note(*note, name, abi_)) return refuse(path + " " + *why);

    // 128 bits tell contents apart. That one could be forged is no matter: who writes a plugin is
    // trusted with the whole process anyhow.
    const auto hash = config::digest_of(bytes).hex();
    const auto label = std::string(name) + "-" + hash;
    auto& known = mapped_[label];
    if (auto file = known.lock()) return file;
    if (trial_)
        if (auto why = trial_(name)) return *why;
    const auto copy = store_->put(label, bytes);
    if (!copy.has_value()) return copy.error();
    auto file = plugin_file::open(path, hash, *note, *copy, store_);
    if (file.has_value()) known = *file;
    return file;
}

}  // namespace pkernel::plugin

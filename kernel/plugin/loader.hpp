// Finds plugins by name and brings them into memory, checked before any code of theirs runs.
//
// plugins/NAME.so is read once through one descriptor; its note is judged on those bytes; a private
// copy of the very same bytes is mapped. Equal content is mapped once, whatever asks for it and
// when.
//
// A constructor of a static that crashes takes the process with it, unless a trial has found it
// out (set_trial).

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/plugin/copy_store.hpp"
#include "kernel/plugin/elf_note.hpp"
#include "kernel/plugin/plugin_dir.hpp"
#include "kernel/plugin/plugin_file.hpp"
#include "kernel/plugin/refusal.hpp"

namespace pkernel::plugin {

using file_ptr = std::shared_ptr<const plugin_file>;

// Belongs to the control thread. What it returned may outlive it.
class loader {
public:
    loader(std::string_view directory, plugin_dir::trust trust, host_abi abi,
           const std::vector<std::string>& copy_places = copy_store::usual_places());

    // Asked before a file that is not mapped is: why it should not be, or nothing. From now on.
    using trial = std::function<std::optional<refusal>(std::string_view name)>;
    void set_trial(trial t) { trial_ = std::move(t); }

    // The plugin NAME as its file is now: read anew each time, mapped anew only if it has changed.
    outcome<file_ptr> load(std::string_view name);

    std::vector<std::string> names() const { return directory_.names(); }
    const std::string& directory() const noexcept { return directory_.path(); }
    std::string path_of(std::string_view name) const { return directory_.path_of(name); }
    const host_abi& abi() const noexcept { return abi_; }

private:
    outcome<file_ptr> map(std::string_view name, const std::string& bytes);

    const plugin_dir directory_;
    const host_abi abi_;
    const std::shared_ptr<copy_store> store_;
    std::map<std::string, std::weak_ptr<const plugin_file>> mapped_;  // By NAME-HASH.
    trial trial_;
};

}  // namespace pkernel::plugin

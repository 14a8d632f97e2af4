// Private copies of plugin files: what is mapped is a copy that nobody writes to, so a plugin that
// is replaced or truncated on disk changes nothing that runs (never a SIGBUS).
//
// Copies stand in a directory of this process, mode 0700, on a file system that lets code be
// mapped, and stay there until the store ends: gdb and perf find them by name. Where no such place
// exists they are memfds, which those two cannot open. docs/decisions/0002-plugin-copies.md says
// why.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/plugin/refusal.hpp"

namespace pkernel::plugin {

// Belongs to the control thread of one process. Outlives every mapping of what it holds.
class copy_store {
public:
    // $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, $TMPDIR, /tmp, /var/tmp: those that are set.
    static std::vector<std::string> usual_places();

    // Takes the first of `places` that serves. What an earlier process left there when it was
    // killed is removed.
    explicit copy_store(const std::vector<std::string>& places = usual_places());
    copy_store(const copy_store&) = delete;
    copy_store& operator=(const copy_store&) = delete;
    ~copy_store();

    // The path of a file that holds `bytes`, the same for the same `label`: NAME-HASH.
    outcome<std::string> put(const std::string& label, std::string_view bytes);

    // Empty: copies are memfds.
    const std::string& directory() const noexcept { return directory_; }

private:
    bool settle(const std::string& place);

    std::string directory_;
    base::unique_fd lock_;  // On the directory: others see that its process lives.
    std::map<std::string, std::string, std::less<>> paths_;  // By label.
    std::vector<base::unique_fd> memfds_;
    const int owner_ = ::getpid();  // A forked child must not remove the files.
};

}  // namespace pkernel::plugin

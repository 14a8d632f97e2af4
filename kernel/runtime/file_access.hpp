// What another user of the system may open, and which files that user cannot put others in the
// place of. For a process that is root and asks on behalf of one that is not.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace pkernel::runtime {

struct identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

// Of a process of which this one is the parent, as it is now. Empty: it cannot be told.
std::optional<identity> identity_of(pid_t process);

// Judges files as `who` would find them. It changes the groups of this process for good, and its
// user for moments, so it is for a process of its own with a single thread. Requires root.
class file_access {
public:
    static constexpr int links_max = 40;  // Symbolic links on one way, as the system counts them.

    // Not usable: the system refused.
    explicit file_access(identity who);
    bool usable() const noexcept { return usable_; }

    // For a regular file only.
    bool may_read(const std::string& path) const;

    // Follows `path`, which is absolute, link by link, and looks at each step whether `who` could
    // turn it: as the owner of what stands there, or by the right to write into its directory (one
    // with the sticky bit guards what others own) or into the file. The place without links if
    // nothing of the kind was found; else empty, and `why` names the step.
    std::optional<std::string> out_of_reach(const std::string& path, std::string& why) const;

private:
    bool may(const std::string& path, int what) const;

    const identity who_;
    bool usable_ = false;
};

}  // namespace pkernel::runtime

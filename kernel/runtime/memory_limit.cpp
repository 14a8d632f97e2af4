#include "kernel/runtime/memory_limit.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "kernel/base/unique_fd.hpp"

namespace pkernel::runtime {

namespace {

// A hierarchy of cgroups, as this process sees it.
struct mounted {
    std::string root;   // The group that is at...
    std::string place;  // ...this directory.
    bool unified = false;
};

std::vector<std::string> words(std::string_view line, char between) {
    std::vector<std::string> out;
    std::string one;
    std::istringstream in{std::string(line)};
    while (std::getline(in, one, between)) out.push_back(one);
    return out;
}

bool lists(std::string_view commas, std::string_view name) {
    for (const auto& each : words(commas, ','))
        if (each == name) return true;
    return false;
}

// "36 25 0:30 / /sys/fs/cgroup/memory rw,relatime shared:13 - cgroup cgroup rw,memory"
std::vector<mounted> hierarchies(const std::string& mountinfo) {
    std::vector<mounted> out;
    for (const auto& line : words(mountinfo, '\n')) {
        const auto mark = line.find(" - ");
        const auto of = words(std::string_view(line).substr(0, mark), ' ');
        if (mark == std::string::npos || of.size() < 6) continue;
        const auto type = words(std::string_view(line).substr(mark + 3), ' ');
        if (type.size() < 3) continue;
        const bool unified = type[0] == "cgroup2";
        if (unified || (type[0] == "cgroup" && lists(type[2], "memory")))
            out.push_back({of[3], of[4], unified});
    }
    return out;
}

// The group's path in the hierarchy: "9:memory:/a/b", "0::/a/b".
std::optional<std::string> group_in(const std::string& cgroups, bool unified) {
    for (const auto& line : words(cgroups, '\n')) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const auto names = std::string_view(line).substr(first + 1, second - first - 1);
        if (unified ? names.empty() : lists(names, "memory")) return line.substr(second + 1);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> number(const std::optional<std::string>& text) noexcept {
    if (!text) return std::nullopt;
    std::uint64_t n = 0;
    const auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), n);
    if (bad != std::errc()) return std::nullopt;  // "max"
    return n;
}

// Every group up to the mount's own may have a limit.
void collect(const mounted& of, std::string group, const file_reader& read,
             std::optional<std::uint64_t>& least) {
    // Seen from a container, the group's path may begin with what is mounted here.
    if (of.root != "/" && group.starts_with(of.root)) group.erase(0, of.root.size());
    const char* file = of.unified ? "/memory.max" : "/memory.limit_in_bytes";
    for (;;) {
        while (group.ends_with('/')) group.pop_back();
        if (const auto n = number(read(of.place + group + file)); n && *n > 0)
            least = std::min(least.value_or(*n), *n);
        if (group.empty()) return;
        group.erase(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
    }
}

std::optional<std::string> text_of(const std::string& path) {
    std::ifstream in(path);
    if (!in) return std::nullopt;
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

}  // namespace

std::optional<std::uint64_t> cgroup_memory_limit(const file_reader& read) {
    const auto cgroups = read("/proc/self/cgroup");
    const auto mounts = read("/proc/self/mountinfo");
    std::optional<std::uint64_t> least;
    if (!cgroups || !mounts) return least;
    for (const auto& each : hierarchies(*mounts))
        if (const auto group = group_in(*cgroups, each.unified)) collect(each, *group, read, least);
    return least;
}

memory_limit choose_memory(std::uint64_t configured, std::optional<std::uint64_t> cgroup,
                           std::uint64_t physical) noexcept {
    memory_limit out;
    out.configured = configured;
    out.of_cgroup = cgroup && *cgroup < physical;  // Without a limit version 1 says 2^63.
    out.bytes = (out.of_cgroup ? *cgroup : physical) / 100 * memory_share_percent;
    out.lowered = configured > out.bytes;
    if (configured > 0) out.bytes = std::min(out.bytes, configured);
    return out;
}

memory_limit choose_memory(std::uint64_t configured) {
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    return choose_memory(configured, cgroup_memory_limit(text_of),
                         pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

std::uint64_t resident_bytes() noexcept {
    // Kept: it is asked most when descriptors may be short, too.
    static const base::unique_fd statm(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
    char text[128];
    const ssize_t n = ::pread(statm.get(), text, sizeof text, 0);
    const char* end = text + std::max<ssize_t>(n, 0);
    const char* at = std::find(static_cast<const char*>(text), end, ' ');
    std::uint64_t pages = 0;
    if (at != end) std::from_chars(at + 1, end, pages);
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace pkernel::runtime

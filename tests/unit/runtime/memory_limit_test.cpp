#define BOOST_TEST_DYN_LINK
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <map>

#include "kernel/runtime/memory_limit.hpp"

using namespace pkernel::runtime;

namespace {

constexpr std::uint64_t mib = 1 << 20;

// A system of these files.
auto system_of(std::map<std::string, std::string> files) {
    return [files = std::move(files)](const std::string& path) -> std::optional<std::string> {
        const auto found = files.find(path);
        if (found == files.end()) return std::nullopt;
        return found->second;
    };
}

const std::string v1_mount =
    "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "31 25 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
const std::string v2_mount = "29 25 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_limits)

BOOST_AUTO_TEST_CASE(version_1_the_least_of_a_group_and_those_around_it) {
    const auto read =
        system_of({{"/proc/self/cgroup", "5:cpu:/\n4:memory:/a/b\n"},
                   {"/proc/self/mountinfo", v1_mount},
                   {"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "900000\n"},
                   {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "800000\n"},
                   {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}});
    BOOST_TEST(cgroup_memory_limit(read).value() == 800000u);
}

BOOST_AUTO_TEST_CASE(version_2_max_is_none) {
    std::map<std::string, std::string> files{{"/proc/self/cgroup", "0::/a/b\n"},
                                             {"/proc/self/mountinfo", v2_mount},
                                             {"/sys/fs/cgroup/a/b/memory.max", "max\n"}};
    BOOST_TEST(!cgroup_memory_limit(system_of(files)).has_value());
    files["/sys/fs/cgroup/a/memory.max"] = "67108864\n";
    BOOST_TEST(cgroup_memory_limit(system_of(files)).value() == 64 * mib);
}

BOOST_AUTO_TEST_CASE(a_container_sees_its_own_group_at_the_mount) {
    const auto read = system_of({{"/proc/self/cgroup", "4:memory:/docker/x\n"},
                                 {"/proc/self/mountinfo",
                                  "31 25 0:27 /docker/x /sys/fs/cgroup/memory ro - cgroup c "
                                  "rw,memory\n"},
                                 {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"}});
    BOOST_TEST(cgroup_memory_limit(read).value() == 64 * mib);
}

BOOST_AUTO_TEST_CASE(a_system_without_cgroups_or_of_nonsense_has_no_limit) {
    BOOST_TEST(!cgroup_memory_limit(system_of({})).has_value());
    const auto odd = system_of({{"/proc/self/cgroup", "\n::\nmemory\n4:memory"},
                                {"/proc/self/mountinfo", "\n - \n1 2 3 - x\n" + v1_mount}});
    BOOST_TEST(!cgroup_memory_limit(odd).has_value());
}

BOOST_AUTO_TEST_CASE(the_least_of_config_cgroup_and_machine_wins) {
    BOOST_TEST(choose_memory(0, std::nullopt, 1000 * mib).bytes == 700 * mib);
    BOOST_TEST(choose_memory(0, 100 * mib, 1000 * mib).bytes == 70 * mib);
    BOOST_TEST(choose_memory(0, ~0ull >> 1, 1000 * mib).bytes == 700 * mib);
    BOOST_TEST(choose_memory(50 * mib, 100 * mib, 1000 * mib).bytes == 50 * mib);
    const auto less = choose_memory(90 * mib, 100 * mib, 1000 * mib);
    BOOST_TEST(less.bytes == 70 * mib);
    BOOST_TEST(less.lowered);
    BOOST_TEST(less.of_cgroup);
}

BOOST_AUTO_TEST_CASE(what_is_resident_is_something) {
    BOOST_TEST(resident_bytes() > mib);
}

BOOST_AUTO_TEST_CASE(memory_is_measured_when_there_is_no_descriptor_left) {
    BOOST_TEST(resident_bytes() > mib);
    rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto seen = resident_bytes();
    ::setrlimit(RLIMIT_NOFILE, &before);
    BOOST_TEST(seen > mib);
}

BOOST_AUTO_TEST_SUITE_END()

// What a user could turn, judged by root in a process of its own. Only root can run these.

#define BOOST_TEST_DYN_LINK
#include "kernel/runtime/file_access.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "kernel/runtime/privileges.hpp"

namespace fs = std::filesystem;
using pkernel::runtime::file_access;
using pkernel::runtime::identity;

namespace {

constexpr uid_t stranger = 54321;

// A directory of root's below the system's for temporary files, which is sticky.
struct place {
    fs::path dir;
    place() {
        std::string name = (fs::temp_directory_path() / "pk-access-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        dir = name;
        fs::permissions(dir, fs::perms(0755));
    }
    ~place() { fs::remove_all(dir); }
    std::string file(const std::string& name, unsigned mode) const {
        const auto path = dir / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << "x";
        fs::permissions(path, fs::perms(mode));
        return path.string();
    }
    void give(const std::string& name) const {
        BOOST_REQUIRE(::chown((dir / name).c_str(), stranger, stranger) == 0);
    }
};

// In a child, since it changes the groups of its process.
bool in_child(const std::function<bool(const file_access&)>& check) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const file_access user(identity{stranger, stranger, {}});
        ::_exit(user.usable() && check(user) ? 0 : 1);
    }
    int status = 1;
    ::waitpid(pid, &status, 0);
    return status == 0;
}

bool safe(const std::string& path) {
    return in_child([&](const file_access& user) {
        std::string why;
        return user.out_of_reach(path, why).has_value();
    });
}

boost::test_tools::assertion_result is_root(boost::unit_test::test_unit_id) {
    return pkernel::runtime::is_root();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_access_, *boost::unit_test::precondition(is_root))

BOOST_AUTO_TEST_CASE(reading_is_judged_as_the_user) {
    const place at;
    const auto open = at.file("open", 0644), closed = at.file("closed", 0600);
    BOOST_TEST(in_child([&](const auto& user) { return user.may_read(open); }));
    BOOST_TEST(!in_child([&](const auto& user) { return user.may_read(closed); }));
}

BOOST_AUTO_TEST_CASE(what_only_root_can_write_is_out_of_reach) {
    const place at;
    BOOST_TEST(safe(at.file("key", 0600)));
    BOOST_TEST(safe(at.file("deep/er/key", 0600)));
    BOOST_TEST(safe(at.dir.string() + "/deep/../deep/er/./key"));
    BOOST_TEST(!safe(at.dir.string() + "/missing"));
}

BOOST_AUTO_TEST_CASE(whoever_owns_or_may_write_a_step_could_turn_it) {
    const place at;
    const auto own = at.file("own", 0600), written = at.file("written", 0602);
    at.give("own");
    BOOST_TEST(!safe(own));
    BOOST_TEST(!safe(written));
    const auto in_own = at.file("theirs/key", 0600), in_open = at.file("open/key", 0600);
    at.give("theirs");
    fs::permissions(at.dir / "open", fs::perms(0777));
    BOOST_TEST(!safe(in_own));
    BOOST_TEST(!safe(in_open));
    fs::permissions(at.dir / "open", fs::perms(0777) | fs::perms::sticky_bit);
    BOOST_TEST(safe(in_open));
}

BOOST_AUTO_TEST_CASE(links_are_followed_step_by_step) {
    const place at;
    const auto key = at.file("archive/key1", 0600);
    fs::create_directory(at.dir / "live");
    fs::create_symlink("../archive/key1", at.dir / "live/key");
    BOOST_TEST(in_child([&](const auto& user) {
        std::string why;
        return user.out_of_reach((at.dir / "live/key").string(), why) ==
               fs::canonical(key).string();
    }));
    fs::create_directory(at.dir / "theirs");
    fs::create_symlink("../live/key", at.dir / "theirs/key");
    fs::create_symlink((at.dir / "theirs/key").string(), at.dir / "way");
    BOOST_TEST(safe((at.dir / "way").string()));
    at.give("theirs");
    BOOST_TEST(!safe((at.dir / "way").string()), "a step on the way is theirs");
    fs::create_symlink("round", at.dir / "round");
    BOOST_TEST(!safe((at.dir / "round").string()));
}

BOOST_AUTO_TEST_SUITE_END()

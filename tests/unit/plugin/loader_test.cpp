// Loading, with real files: what is refused and in which words (F34, S45), what is mapped and until
// when.

#include "kernel/plugin/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "tests/unit/plugin/workbench.hpp"

using namespace pkernel::plugin;
using namespace pkernel::plugin::testing;

namespace {

bool code_ran() {
    return std::getenv("PK_SAMPLE_RAN") != nullptr;
}

struct fixture : workbench {
    fixture() { ::unsetenv("PK_SAMPLE_RAN"); }
};

constexpr auto checked = plugin_dir::trust::checked;
constexpr auto insecure = plugin_dir::trust::any;
const std::string override_hint = " (--allow-insecure-plugins-dir lets it pass)";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(loading, fixture)

BOOST_AUTO_TEST_CASE(loads_a_plugin_by_name) {
    plugins.put_sample("plain");
    auto files = make();
    const auto file = files.load("plain");
    BOOST_REQUIRE(file.has_value());
    BOOST_TEST(code_ran());
    BOOST_TEST((*file)->name() == "plain");
    BOOST_TEST((*file)->version() == "1.2.3");
    BOOST_TEST((*file)->path() == plugins / "plain.so");
    BOOST_TEST((*file)->serves("test.point/1"));
    BOOST_TEST((*file)->at("test.point/1").has_value());
}

BOOST_AUTO_TEST_CASE(says_that_a_plugin_is_missing) {
    BOOST_TEST(refused("plain") == "'plain' needs plugins/plain.so, which is not in DIR");
    loader nowhere("/nonexistent/plugins/", checked, test_abi(), {copies.path()});
    BOOST_TEST(nowhere.load("plain").error().text() ==
               "'plain' needs plugins/plain.so, but the directory /nonexistent/plugins does not "
               "exist (--plugins-dir says where plugins are)");
    BOOST_TEST(
        refused("../plain") ==
        "'../plain' is not a plugin's name (lower-case letters, digits and '_', at most 47)");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_plugin_before_any_code_of_it_runs) {
    plugins.put("plain.so", "");
    BOOST_TEST(refused("plain") == "DIR/plain.so is empty");
    plugins.put("plain.so", "hello\n");
    BOOST_TEST(refused("plain") == "DIR/plain.so is a text file, not a shared library");
    plugins.put("plain.so", read_file(sample_path("plain")).substr(0, 5000));
    BOOST_TEST(refused("plain").starts_with("DIR/plain.so is truncated: "));
    auto foreign = read_file(sample_path("plain"));
    foreign[18] = '\x16';  // e_machine: s390x
    foreign[19] = '\0';
    plugins.put("plain.so", foreign);
    BOOST_TEST(refused("plain").starts_with("DIR/plain.so is built for s390x; "));
    BOOST_TEST(refused_sample("wrong_major") ==
               "DIR/wrong_major.so is built for plugin ABI 9.0; this kernel speaks 1.0");
    BOOST_TEST(refused_sample("newer_minor").find("1.99 or later") != std::string::npos);
    BOOST_TEST(refused_sample("wrong_name") ==
               "DIR/wrong_name.so holds the plugin 'another'; the file must be named after it");
    BOOST_TEST(refused_sample("no_note").starts_with("DIR/no_note.so carries no plugin note"));
    BOOST_TEST(refused_sample("needs_unknown") ==
               "DIR/needs_unknown.so needs 'test.unknown/1', which this kernel does not offer");
    BOOST_TEST(refused_sample("needs_draft").find("a draft") != std::string::npos);
    BOOST_TEST(!code_ran());
}

BOOST_AUTO_TEST_CASE(refuses_what_cannot_be_linked) {
    BOOST_TEST(refused_sample("unresolved") ==
               "DIR/unresolved.so cannot be loaded: undefined symbol: nobody_defines_this");
    BOOST_TEST(!code_ran());
    BOOST_TEST(refused_sample("no_entry") == "DIR/no_entry.so exports no symbol pk_plugin_entry");
    BOOST_TEST(mapped("no_entry-") == 0);
}

BOOST_AUTO_TEST_CASE(refuses_a_plugin_that_contradicts_itself) {
    BOOST_TEST(refused_sample("null_entry") == "DIR/null_entry.so: pk_plugin_entry returned null");
    BOOST_TEST(refused_sample("short_face") ==
               "DIR/short_face.so describes itself in 16 bytes where at least 88 are needed");
    BOOST_TEST(refused_sample("face_major") ==
               "DIR/face_major.so is damaged: its ABI major 9 is not that of its note, 1");
    BOOST_TEST(refused_sample("face_name") ==
               "DIR/face_name.so is damaged: its name 'other' is not that of its note, "
               "'face_name'");
    BOOST_TEST(refused_sample("face_get") ==
               "DIR/face_get.so is damaged: it has no function 'get'");
}

BOOST_AUTO_TEST_CASE(refuses_a_table_that_makes_no_sense) {
    for (const char* name : {"short_table", "no_create"}) {
        plugins.put_sample(name);
        auto files = make();
        const auto file = files.load(name);
        BOOST_REQUIRE(file.has_value());
        BOOST_TEST(relative((*file)->at("test.point/1").error().text()) ==
                   std::string("DIR/") + name +
                       ".so is damaged: its table for test.point/1 makes no sense");
        BOOST_TEST(relative((*file)->at("test.other/1").error().text()) ==
                   std::string("DIR/") + name + ".so offers nothing for test.other/1");
    }
}

// S45
BOOST_AUTO_TEST_CASE(refuses_a_file_that_others_could_have_put_there) {
    plugins.put_sample("plain");
    ::chmod((plugins / "plain.so").c_str(), 0666);
    BOOST_TEST(refused("plain") == "DIR/plain.so is writable by others" + override_hint);
    BOOST_TEST(refused("plain", insecure) == "loaded");
    ::chmod((plugins / "plain.so").c_str(), 0644);
    ::chmod(plugins.path().c_str(), 01777);
    BOOST_TEST(refused("plain") == "plugins directory DIR is writable by others" + override_hint);
    BOOST_TEST(refused("plain", insecure) == "loaded");
    ::chmod(plugins.path().c_str(), 0775);
    BOOST_TEST(refused("plain") == "loaded");
}

BOOST_AUTO_TEST_CASE(refuses_a_file_of_another_user,
                     *boost::unit_test::precondition([](auto) { return ::geteuid() == 0; })) {
    plugins.put_sample("plain");
    BOOST_REQUIRE(::chown((plugins / "plain.so").c_str(), 1234, 1234) == 0);
    BOOST_TEST(refused("plain") ==
               "DIR/plain.so belongs to user id 1234, not to root or to user id 0 that pkernel "
               "runs as" +
                   override_hint);
    BOOST_TEST(refused("plain", insecure) == "loaded");
    BOOST_REQUIRE(::chown((plugins / "plain.so").c_str(), 0, 0) == 0);
    BOOST_REQUIRE(::chown(plugins.path().c_str(), 1234, 1234) == 0);
    BOOST_TEST(refused("plain").starts_with("plugins directory DIR belongs to user id 1234"));
    BOOST_TEST(refused("plain", insecure) == "loaded");
}

BOOST_AUTO_TEST_CASE(follows_links_within_the_directory_only) {
    const scratch elsewhere;
    elsewhere.put_sample("plain");
    const auto link = plugins / "plain.so";
    BOOST_REQUIRE(::symlink((elsewhere / "plain.so").c_str(), link.c_str()) == 0);
    BOOST_TEST(refused("plain") == "DIR/plain.so is a symbolic link out of its directory, to " +
                                       (elsewhere / "plain.so") + override_hint);
    BOOST_TEST(refused("plain", insecure) == "loaded");
    ::unlink(link.c_str());
    plugins.put("plain.so.1", read_file(sample_path("plain")));
    BOOST_REQUIRE(::symlink("plain.so.1", link.c_str()) == 0);
    BOOST_TEST(refused("plain") == "loaded");
    ::unlink((plugins / "plain.so.1").c_str());
    BOOST_TEST(refused("plain") == "'plain' needs plugins/plain.so, which is not in DIR");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_file_without_waiting_for_it) {
    BOOST_REQUIRE(::mkfifo((plugins / "plain.so").c_str(), 0644) == 0);
    BOOST_TEST(refused("plain") == "DIR/plain.so is not a regular file");
    ::unlink((plugins / "plain.so").c_str());
    ::mkdir((plugins / "plain.so").c_str(), 0755);
    BOOST_TEST(refused("plain") == "DIR/plain.so is not a regular file");
}

BOOST_AUTO_TEST_CASE(maps_equal_content_once_and_unmaps_it_with_its_last_user) {
    plugins.put_sample("plain");
    auto files = make();
    auto first = *files.load("plain");
    auto second = *files.load("plain");
    BOOST_TEST(first == second);
    const auto copy = "plain-" + first->hash();
    BOOST_TEST(mapped(copy) > 0);
    first.reset();
    BOOST_TEST(mapped(copy) > 0);
    second.reset();
    BOOST_TEST(mapped(copy) == 0);
    BOOST_TEST((*files.load("plain"))->hash().size() == 32u);  // Again, from the copy that stayed.
}

// F35
BOOST_AUTO_TEST_CASE(takes_a_replaced_file_beside_the_old_one) {
    plugins.put_sample("plain");
    auto files = make();
    const auto old = *files.load("plain");
    plugins.put("plain.so", read_file(sample_path("plain")) + "changed");
    const auto fresh = *files.load("plain");
    BOOST_TEST(old != fresh);
    BOOST_TEST(old->hash() != fresh->hash());
    BOOST_TEST(old->serves("test.point/1"));
    BOOST_TEST(fresh->serves("test.point/1"));
}

BOOST_AUTO_TEST_CASE(is_not_hurt_by_a_file_that_is_cut_in_place) {
    plugins.put_sample("plain");
    auto files = make();
    const auto file = *files.load("plain");
    BOOST_REQUIRE(::truncate((plugins / "plain.so").c_str(), 0) == 0);
    BOOST_TEST(file->at("test.point/1").has_value());
    BOOST_TEST(relative(files.load("plain").error().text()) == "DIR/plain.so is empty");
}

BOOST_AUTO_TEST_CASE(lists_names_that_plugins_can_have) {
    for (const char* name : {"zip.so", "brotli.so", "README", "not-one.so", "a.so.1", ".so"}) {
        plugins.put(name, "x");
    }
    BOOST_TEST(make().names() == (std::vector<std::string>{"brotli", "zip"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(private_copies, fixture)

BOOST_AUTO_TEST_CASE(stand_in_a_directory_of_our_own_until_the_last_mapping_ends) {
    plugins.put_sample("plain");
    file_ptr file;
    {
        auto files = make();
        file = *files.load("plain");
    }
    namespace fs = std::filesystem;
    BOOST_REQUIRE(!fs::is_empty(copies.path()));
    const auto dir = fs::directory_iterator(copies.path())->path();
    BOOST_TEST((fs::status(dir).permissions() == fs::perms::owner_all));
    BOOST_TEST(fs::exists(dir / ("plain-" + file->hash() + ".so")));
    file.reset();
    BOOST_TEST(fs::is_empty(copies.path()));
}

BOOST_AUTO_TEST_CASE(left_by_a_killed_process_are_removed) {
    namespace fs = std::filesystem;
    const auto abandoned = copies / "pkernel-plugins.killed";
    fs::create_directory(abandoned);
    std::ofstream(abandoned + "/x-1.so") << "x";
    const copy_store running({copies.path()});
    BOOST_TEST(!fs::exists(abandoned));
    const copy_store another({copies.path()});
    BOOST_TEST(fs::exists(running.directory()));
    BOOST_TEST(running.directory() != another.directory());
}

BOOST_AUTO_TEST_CASE(are_memfds_where_no_directory_serves) {
    plugins.put_sample("plain");
    loader files(plugins.path(), checked, test_abi(), {"/proc", "/nonexistent"});
    const auto file = *files.load("plain");
    BOOST_TEST(file->serves("test.point/1"));
    BOOST_TEST(mapped("/memfd:plain-" + file->hash()) > 0);
}

BOOST_AUTO_TEST_SUITE_END()

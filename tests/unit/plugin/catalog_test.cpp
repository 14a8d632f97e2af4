// What the config and the command `plugins` are told.

#include "kernel/plugin/catalog.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/plugin/workbench.hpp"

using namespace pkernel;
using namespace pkernel::plugin;
using namespace pkernel::plugin::testing;

BOOST_FIXTURE_TEST_SUITE(plugin_catalog, workbench)

BOOST_AUTO_TEST_CASE(finds_the_options_of_a_plugin) {
    plugins.put_sample("plain");
    auto files = make();
    catalog names(files);
    const auto r = names.find("plain", "test.point/1");
    BOOST_TEST(r.found);
    BOOST_TEST(r.options == nullptr);
    BOOST_TEST(r.version == "1.2.3");
}

BOOST_AUTO_TEST_CASE(suggests_a_name) {
    for (const char* name : {"zip.so", "static_files.so"}) plugins.put(name, "x");
    auto files = make();
    catalog names(files);
    const auto r = names.find("gzip", "test.point/1");
    BOOST_TEST(!r.found);
    BOOST_TEST((r.number == config::code::plugin_missing));
    BOOST_TEST((r.exit == config::exit_class::plugin));
    BOOST_TEST(relative(r.problem) == "'gzip' needs plugins/gzip.so, which is not in DIR");
    BOOST_TEST(r.hint == "did you mean 'zip'?");
    BOOST_TEST(names.find("static_fils", "p").hint == "did you mean 'static_files'?");
    BOOST_TEST(names.find("brotli", "p").hint == "");
}

BOOST_AUTO_TEST_CASE(tells_a_plugin_of_another_kind_from_a_damaged_one) {
    for (const char* name : {"plain", "short_table", "wrong_major"}) plugins.put_sample(name);
    auto files = make();
    catalog names(files);
    const auto other = names.find("plain", "test.other/1");
    BOOST_TEST((other.number == config::code::plugin_point));
    BOOST_TEST((other.exit == config::exit_class::config));
    BOOST_TEST(relative(other.problem) == "DIR/plain.so offers nothing for test.other/1");
    const auto damaged = names.find("short_table", "test.point/1");
    BOOST_TEST((damaged.number == config::code::plugin_table));
    BOOST_TEST((damaged.exit == config::exit_class::plugin));
    const auto refused = names.find("wrong_major", "test.point/1");
    BOOST_TEST((refused.number == config::code::plugin_refused));
    BOOST_TEST((refused.exit == config::exit_class::plugin));
}

BOOST_AUTO_TEST_CASE(says_what_is_installed_only_to_who_may_browse) {
    for (const char* name : {"plain", "wrong_major"}) plugins.put_sample(name);
    auto files = make();
    catalog running(files);
    BOOST_TEST(running.offered("test.point/1").empty());
    BOOST_TEST(running.points_of("plain").empty());
    catalog ending(files);
    ending.may_browse();
    const std::vector<std::string> plain{"plain"}, point{"test.point/1"};
    BOOST_TEST((ending.offered("test.point/1") == plain));
    BOOST_TEST(ending.offered("test.script/1").empty());
    BOOST_TEST((ending.points_of("plain") == point));
    BOOST_TEST(ending.points_of("wrong_major").empty());
    BOOST_TEST(ending.points_of("not_there").empty());
    // A plugin in a wrong place was loaded because it is named: where it belongs is told always.
    BOOST_TEST((running.find("plain", "test.other/1").points == point));
}

BOOST_AUTO_TEST_CASE(sees_one_version_of_a_file) {
    plugins.put_sample("plain");
    auto files = make();
    const catalog names(files);
    const auto first = *names.load("plain");
    plugins.put("plain.so", "replaced");
    BOOST_TEST(*names.load("plain") == first);
    BOOST_TEST(!catalog(files).load("plain").has_value());
}

BOOST_AUTO_TEST_CASE(lists_a_directory) {
    for (const char* name : {"plain", "wrong_major"}) plugins.put_sample(name);
    auto files = make();
    const std::vector<std::string> points = {"test.point/1", "test.other/1"};
    const auto all = list_plugins(files, points);
    BOOST_REQUIRE(all.size() == 2u);
    BOOST_TEST(all[0].name == "plain");
    BOOST_TEST(all[0].abi == "1.0");
    BOOST_TEST(all[0].points == std::vector<std::string>{"test.point/1"},
               boost::test_tools::per_element());
    BOOST_TEST(all[0].refused == "");
    BOOST_TEST(all[1].name == "wrong_major");
    BOOST_TEST(!all[1].file);
    BOOST_TEST(relative(all[1].refused).starts_with("DIR/wrong_major.so is built for"));
}

BOOST_AUTO_TEST_SUITE_END()

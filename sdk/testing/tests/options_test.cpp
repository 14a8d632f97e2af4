// Options from declaration to member, the defaults that are shown, and the errors.

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>
#include <pkernel/testing.hpp>
#include <pkernel/text.hpp>

using pk::testing::library;
using pk::testing::plugin_under_test;

namespace {

std::string said(std::string_view options) {
    plugin_under_test plugin(options);
    auto ex = plugin.get();
    ex.head();
    return ex.reply().body;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(defaults_are_the_initialisers) {
    BOOST_TEST(said("") ==
               "flag -5 7 word 3145728 1500 5/10000000000 127.0.0.1:80 8 /tmp/x  x-a a b 404 green "
               "a b 3 none");
}

BOOST_AUTO_TEST_CASE(every_type_is_read) {
    const std::string file = "/tmp/pk_options_test_file";
    std::ofstream(file) << "inside";
    BOOST_TEST(said("flag: false, number: 8, small: 255, text: \"two words\", size: 1KiB, "
                    "time: 2s, rate: 100/m, address: \"[::1]:9\", cidr: ::1, path: /a, file: " +
                    file +
                    ", field_name: X-B, field_value: v, status: 200, choice: red, names: [C], "
                    "headers: {a: b, c: d}, nested: {level: 9}, many: [{level: 1, on: false}, {}], "
                    "deep: {x: [1, 2], y: []}, maybe: 4") ==
               "8 255 two words 1024 2000 100/60000000000 [::1]:9 128 /a inside x-b v 200 red c "
               "a=b c=d 9 1- 3+ x:2 y:0 4");
    std::remove(file.c_str());
    BOOST_TEST(said("bare").find(" bare ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(defaults_are_shown_as_one_would_write_them) {
    const library l(PKERNEL_PLUGIN_UNDER_TEST);
    const auto& table = *l.table<pk_handler>(PK_HANDLER_ID)->factory->options;
    const std::pair<const char*, const char*> expected[] = {
        {"flag", "true"},       {"number", "-5"},
        {"small", "7"},         {"text", "word"},
        {"size", "3MiB"},       {"time", "1500ms"},
        {"rate", "5/10s"},      {"address", "127.0.0.1:80"},
        {"cidr", "10.0.0.0/8"}, {"path", "/tmp/x"},
        {"file", ""},           {"field_name", "x-a"},
        {"field_value", "a b"}, {"status", "404"},
        {"choice", "green"},    {"names", "[a, b]"},
        {"headers", ""},        {"nested", ""},
        {"many", ""},           {"deep", ""},
        {"maybe", ""}};
    BOOST_REQUIRE(table.count == std::size(expected));
    for (std::uint32_t i = 0; i < table.count; ++i) {
        BOOST_TEST(pk::view(table.first[i].name) == expected[i].first);
        BOOST_TEST(pk::view(table.first[i].default_text) == expected[i].second);
        BOOST_TEST(table.first[i].doc.size > 0u);
    }
    const pk_option& deep = table.first[19];
    BOOST_REQUIRE(deep.element != nullptr);
    BOOST_TEST(deep.element->type == +PK_OPT_LIST);
    BOOST_TEST(deep.element->element->type == +PK_OPT_INTEGER);
    BOOST_TEST(deep.element->element->flags == +PK_OPTION_HAS_MIN);
    BOOST_TEST(table.first[18].element->table == table.first[17].table);
    BOOST_TEST(pk::view(table.first[15].since) == "1.1");
    BOOST_TEST((table.first[10].flags & PK_OPTION_SECRET) != 0u);
    BOOST_TEST(table.first[2].max == 255);
}

BOOST_AUTO_TEST_CASE(errors_name_the_option) {
    const std::pair<const char*, const char*> table[] = {
        {"flag: yes", "flag: true or false is needed"},
        {"number: 3000000000", "number: 3000000000 is more than 2147483647"},
        {"small: 256", "small: 256 is more than 255"},
        {"small: -1", "small: -1 is less than 0"},
        {"size: 0B", "size: 0B is less than 1"},
        {"time: 2h", "time: 2h is more than 3600000000000"},
        {"time: 10", "time: a unit is needed"},
        {"choice: blue", "choice: 'blue' is none of red, green"},
        {"names: []", "names: must not be empty"},
        {"names: a", "names: a list is needed"},
        {"nested: {level: 10}", "nested.level: 10 is more than 9"},
        {"deep: {x: [-1]}", "deep: -1 is less than 0"},
        {"other: 1", "unknown option 'other'"},
        {"throw", "text: not that word"},
    };
    for (const auto& [given, error] : table) {
        BOOST_TEST(plugin_under_test::load_error(given) == error);
    }
    plugin_under_test warned("warn");
    BOOST_TEST(warned.host().warnings.at(0) == "text: an odd word");
}

BOOST_AUTO_TEST_SUITE_END()

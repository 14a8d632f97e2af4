// How diagnostics are shown: order, colour, clipping, escaping, hiding, JSON.

#define BOOST_TEST_DYN_LINK
#include "kernel/config/render.hpp"

#include <boost/json/src.hpp>
#include <boost/test/unit_test.hpp>

using namespace pkernel::config;

namespace {

diagnostic unknown(position at) {
    diagnostic d;
    d.number = code::unknown_option;
    d.at = at;
    d.message = "unknown option 'proxi'";
    return d;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(render)

BOOST_AUTO_TEST_CASE(shows_the_line_the_hint_and_the_notes) {
    diagnostics all;
    all.files().add("pk.yaml", "routes:\n  - proxi: x\n");
    diagnostic d = unknown({"pk.yaml", 2, 5, 5});
    d.hint = "did you mean 'proxy'?";
    d.notes = {"options here: proxy"};
    d.docs = "route";
    all.add(d);
    BOOST_TEST(to_text(all, false) ==
               "pk.yaml:2:5: error[E0142]: unknown option 'proxi'\n"
               "  2 |   - proxi: x\n"
               "    |     ^~~~~ did you mean 'proxy'?\n"
               "    = options here: proxy\n"
               "    = docs: pkernel describe route\n"
               "1 error, 0 warnings\n");
}

BOOST_AUTO_TEST_CASE(sorts_by_file_and_position) {
    diagnostics all;
    all.files().name("b.yaml");
    all.files().name("a.yaml");
    all.error(code::no_value, {"a.yaml", 1, 1, 0}, "third");
    all.error(code::no_value, {"b.yaml", 2, 9, 0}, "second");
    all.warning(code::no_value, {"b.yaml", 2, 3, 0}, "first");
    const auto sorted = all.sorted();
    BOOST_TEST(sorted[0].message == "first");
    BOOST_TEST(sorted[1].message == "second");
    BOOST_TEST(sorted[2].message == "third");
    BOOST_TEST(contains(to_text(all, false), "2 errors, 1 warning\n"));
}

BOOST_AUTO_TEST_CASE(the_lowest_exit_class_of_all_errors_wins) {
    diagnostics all;
    BOOST_TEST(static_cast<int>(all.exit()) == 0);
    diagnostic d = unknown({});
    d.exit = exit_class::bind;
    all.add(d);
    BOOST_TEST(static_cast<int>(all.exit()) == 4);
    d.exit = exit_class::plugin;
    all.add(d);
    BOOST_TEST(static_cast<int>(all.exit()) == 3);
    d.level = severity::warning;
    d.exit = exit_class::config;
    all.add(d);
    BOOST_TEST(static_cast<int>(all.exit()) == 3);
}

BOOST_AUTO_TEST_CASE(colours_only_when_asked) {
    diagnostics all;
    all.add(unknown({"pk.yaml", 1, 1, 1}));
    BOOST_TEST(!contains(to_text(all, false), "\x1b"));
    BOOST_TEST(contains(to_text(all, true), "\x1b[1;31merror[E0142]\x1b[0m"));
}

BOOST_AUTO_TEST_CASE(finds_the_token_when_its_length_is_not_known) {
    diagnostics all;
    all.files().add("a", "x: \"two words\" # note\n");
    all.add(unknown({"a", 1, 4, 0}));
    BOOST_TEST(contains(to_text(all, false), "|    ^~~~~~~~~~~\n"));
}

BOOST_AUTO_TEST_CASE(clips_long_lines_around_the_token) {
    diagnostics all;
    all.files().add("a", std::string(500, 'x') + "token" + std::string(500, 'y'));
    all.add(unknown({"a", 1, 501, 5}));
    const std::string text = to_text(all, false);
    BOOST_TEST(contains(text, "xxtokenyy"));
    BOOST_TEST(contains(text, "\n    | " + std::string(60, ' ') + "^~~~~\n"));
    BOOST_TEST(text.size() < 500u);
}

BOOST_AUTO_TEST_CASE(escapes_what_a_terminal_would_obey) {
    diagnostics all;
    all.files().add("a", "x\x1b[31m: \xc2\x9b\n");
    diagnostic d = unknown({"a", 1, 1, 1});
    d.message = "unknown option 'x\x1b[31m\n\xff'";
    all.add(d);
    const std::string text = to_text(all, false);
    BOOST_TEST(contains(text, "unknown option 'x\\x1b[31m\\x0a\\xff'\n"));
    BOOST_TEST(contains(text, "  1 | x?[31m: ?\n"));
}

BOOST_AUTO_TEST_CASE(hides_what_was_hidden_and_keeps_the_caret_in_place) {
    diagnostics all;
    all.files().add("a", "{ p: hunter2, q: hunter3, r: x }\nhunter4\nhunter5 }\n");
    all.files().hide({"a", 1, 6, 7}, 1, 13);
    all.files().hide({"a", 1, 8, 7}, 1, 13);
    all.files().hide({"a", 1, 18, 7}, 1, 25);
    all.files().hide({"a", 2, 1, 0}, 3, 8);
    all.add(unknown({"a", 1, 27, 1}));
    all.add(unknown({"a", 2, 3, 1}));
    all.add(unknown({"a", 3, 9, 1}));
    const std::string text = to_text(all, false);
    BOOST_TEST(!contains(text, "hunter"));
    BOOST_TEST(contains(text,
                        "  1 | { p: ***, q: ***, r: x }\n"
                        "    |                   ^\n"));
    BOOST_TEST(contains(text, "  2 | ***\n    | ^~~\n"));
    BOOST_TEST(contains(text, "  3 | *** }\n    |     ^\n"));
}

BOOST_AUTO_TEST_CASE(json_says_the_same) {
    diagnostics all;
    all.add(unknown({"a\"b", 3, 4, 5}));
    const auto json = boost::json::parse(to_json(all));
    BOOST_TEST(json.at("errors").as_int64() == 1);
    BOOST_TEST(json.at("exit_code").as_int64() == 1);
    const auto& d = json.at("diagnostics").as_array().at(0);
    BOOST_TEST(d.at("file").as_string() == "a\"b");
    BOOST_TEST(d.at("code").as_string() == "E0142");
    BOOST_TEST(d.at("column").as_int64() == 4);
}

BOOST_AUTO_TEST_CASE(keeps_a_bounded_number_and_counts_the_rest) {
    diagnostics all;
    for (int i = 0; i < 1002; ++i) all.error(code::no_value, {}, "x");
    BOOST_TEST(all.sorted().size() == diagnostics::kept_max);
    BOOST_TEST(contains(to_text(all, false), "2 more messages not shown\n1002 errors, 0 warnings"));
}

BOOST_AUTO_TEST_SUITE_END()

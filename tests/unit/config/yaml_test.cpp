// The YAML reader: positions, and the bounds at limit and limit + 1.

#define BOOST_TEST_DYN_LINK
#include "kernel/config/yaml.hpp"

#include <boost/test/unit_test.hpp>

using namespace pkernel::config;

namespace {

std::optional<node> parse(std::string_view bytes, const yaml_limits& limits = {}) {
    diagnostics out;
    return parse_yaml(bytes, "t.yaml", out, limits);
}

code first_error(std::string_view bytes, const yaml_limits& limits = {}) {
    diagnostics out;
    const auto tree = parse_yaml(bytes, "t.yaml", out, limits);
    BOOST_TEST(!tree);
    BOOST_REQUIRE(out.errors() > 0);
    return out.sorted().front().number;
}

}  // namespace

namespace pkernel::config {
inline std::ostream& operator<<(std::ostream& out, code c) {
    return out << static_cast<int>(c);
}
}  // namespace pkernel::config

BOOST_AUTO_TEST_SUITE(yaml)

BOOST_AUTO_TEST_CASE(knows_where_each_value_stands) {
    diagnostics out;  // Keeps the name of the file.
    const auto tree = parse_yaml("a: [ x, \"y z\" ]\nb:\n  é: { k: 'v' }\n", "t.yaml", out);
    BOOST_REQUIRE(tree);
    const node& list = *tree->find("a");
    BOOST_TEST(list.items[1].text == "y z");
    BOOST_TEST(list.items[1].quoted);
    BOOST_TEST(list.items[1].at.line == 1u);
    BOOST_TEST(list.items[1].at.column == 9u);
    BOOST_TEST(list.items[1].at.length == 5u);
    const node& map = *tree->find("b")->find("é");
    BOOST_TEST(map.entries[0].value.at.column == 11u);
    BOOST_TEST(map.entries[0].value.at.line == 3u);
    BOOST_TEST(tree->at.file == "t.yaml");
}

BOOST_AUTO_TEST_CASE(faults_are_told_in_words_that_say_what_to_write) {
    struct row {
        std::string_view text, message;
        std::uint32_t line, column;
    };
    constexpr std::string_view column = "begin in the same column";
    constexpr std::string_view quotes = "or quotes around a value that holds";
    const row rows[] = {
        {"listeners:\n  - address: \":80\"\n   name: web\n", column, 3, 4},
        {"a:\n  b:\n    c: [ 1 ]\n     d: 1\n", column, 4, 6},
        {"a:\n  b:\n    c: [ 1 ]\n   d: 1\n", column, 4, 4},
        {"r:\n  - a: 1\n    b: 1\n - a: 2\n", column, 4, 2},
        {"l:\n  - \":80\"\n  name: web\n", "each begins with '- '", 3, 3},
        {"a: { b: c: d }\n", quotes, 1, 10},
        {"a: { b: [::]:80 }\n", quotes, 1, 13},
        {"a: { b: 1\nc: 2\n", quotes, 2, 2},
        {"a: { b: [ 1 }\n", "a ']' is missing before it", 1, 13},
        {"a: [ { b: 1 ]\n", "a '}' is missing before it", 1, 13},
        {"a: b\n}\n", "a '}' too many", 2, 1},
        {"l:\n  - a: 1\n    name\nr:\n", "a key without a value", 3, 5},
        {"workers 4\na: 1\n", "a key without a value", 1, 1},
        {"l: - a\n", "a list begins in the line below its key", 1, 4},
        {"a: \":80\nb: 1\n", "the closing quote of this text is missing", 1, 4},
        {"a: [::]:80\n", "put the whole of it in quotes", 1, 8},
        {"a: @b\n", "a value cannot begin with '@'; put it in quotes", 1, 4},
        {"a: %b\n", "a value cannot begin with '%'; put it in quotes", 1, 4},
        {"a: *.example.com\n", "put it in quotes: \"*.example.com\"", 1, 4},
        {"- *:8080\n", "put it in quotes: \"*:8080\"", 1, 3},
    };
    for (const row& r : rows) {
        diagnostics out;
        const auto tree = parse_yaml(r.text, "t.yaml", out);
        BOOST_TEST_CONTEXT(r.text) {
            BOOST_REQUIRE(!tree);
            const auto first = out.sorted().front();
            BOOST_TEST(first.message.find(r.message) != std::string::npos, first.message);
            BOOST_TEST(first.at.line == r.line);
            BOOST_TEST(first.at.column == r.column);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_config_of_nginx_is_told_as_such) {
    diagnostics out;
    const auto text = "listeners: []\nhttp {\n  listen 80;\n}\n";
    BOOST_TEST(!parse_yaml(text, "t.yaml", out));
    BOOST_REQUIRE(out.sorted().front().notes.size() == 1u);
    BOOST_TEST(out.sorted().front().notes[0].find("how nginx is configured") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_absent_value_stands_at_its_key) {
    const auto tree = parse("a:\nb: ~\nc: \"\"\n");
    BOOST_TEST(tree->find("a")->is_null());
    BOOST_TEST(tree->find("a")->at.line == 1u);
    BOOST_TEST(tree->find("b")->is_null());
    BOOST_TEST(!tree->find("c")->is_null());
}

BOOST_AUTO_TEST_CASE(an_empty_file_is_an_empty_map) {
    for (const auto text : {"", "\n", "# nothing\n", "---\n", "---\n...\n"}) {
        const auto tree = parse(text);
        BOOST_REQUIRE(tree);
        BOOST_TEST(tree->entries.empty());
    }
}

BOOST_AUTO_TEST_CASE(bounds_bytes) {
    const yaml_limits limits{.bytes_max = 4};
    BOOST_TEST(parse("a: b", limits).has_value());
    BOOST_TEST(first_error("a: bc", limits) == code::file_too_large);
}

BOOST_AUTO_TEST_CASE(bounds_depth) {
    const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    BOOST_TEST(parse(nested(32)).has_value());
    BOOST_TEST(first_error(nested(33)) == code::too_deep);
    BOOST_TEST(first_error(std::string(100'000, '[')) == code::too_deep);
    std::string blocks;
    for (std::size_t i = 0; i < 40; ++i) blocks += std::string(i, ' ') + "a:\n";
    BOOST_TEST(first_error(blocks) == code::too_deep);
}

BOOST_AUTO_TEST_CASE(bounds_values) {
    const yaml_limits limits{.nodes_max = 4};
    BOOST_TEST(parse("[a,b,c]", limits).has_value());
    BOOST_TEST(first_error("[a,b,c,d]", limits) == code::too_many_nodes);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_text) {
    for (const auto text : {"a: \xff", "a: \xc0\xaf", "a: \xed\xa0\x80", "a: \xf4\x90\x80\x80",
                            "a: \xe2\x82", "a: \x01", "a: \x7f"}) {
        BOOST_TEST(first_error(text) == code::not_utf8);
    }
    BOOST_TEST(first_error(std::string_view("a: \0b", 5)) == code::not_utf8);
}

BOOST_AUTO_TEST_CASE(refuses_the_rest_of_yaml) {
    BOOST_TEST(first_error("a: &x 1") == code::yaml_feature);
    BOOST_TEST(first_error("a: *x") == code::yaml_feature);
    BOOST_TEST(first_error("a: !x 1") == code::yaml_feature);
    BOOST_TEST(first_error("%YAML 1.2\n---\na: 1") == code::yaml_feature);
    BOOST_TEST(first_error("? [ a ]\n: b") == code::key_not_text);
    BOOST_TEST(first_error(": b") == code::key_not_text);
    BOOST_TEST(first_error("a: 1\n---\nb: 1") == code::second_document);
    BOOST_TEST(first_error("a: 1\n'a': 1") == code::duplicate_key);
}

BOOST_AUTO_TEST_SUITE_END()

// Reference pages and the JSON Schema, made from the tables.

#define BOOST_TEST_DYN_LINK
#include "kernel/config/describe.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include "kernel/config/kernel_options.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/schema.hpp"
#include "tests/unit/config/fake_plugins.hpp"

using namespace pkernel::config;

namespace {

const pk_option_table* limiter() {
    return testing::fake_plugins().find("limiter", "pk.http_filter/1").options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(descriptions)

BOOST_AUTO_TEST_CASE(the_kernels_own_table_is_sound) {
    BOOST_TEST(table_problem(kernel_options()) == "");
}

BOOST_AUTO_TEST_CASE(a_page_for_the_terminal) {
    BOOST_TEST(describe(limiter(), page::terminal) ==
               "rate    rate, required, at least 1           Requests let through.\n"
               "burst   whole number, 0 to 1000, default 10  How many at once.\n"
               "key     text, not empty, default client_ip   What is counted.\n"
               "memory  size, at least 1KiB, default 1MiB    Table size.\n"
               "mood    calm | strict, default calm          How strict.\n"
               "except  list of networks                     Networks that are not counted.\n"
               "\n"
               "A bare value stands for 'rate'.\n");
    BOOST_TEST(describe(nullptr, page::terminal) == "It takes no options.\n");
}

BOOST_AUTO_TEST_CASE(a_page_for_the_documentation) {
    const std::string text = describe(limiter(), page::markdown);
    BOOST_TEST(text.find("| `mood` | calm \\| strict | `calm` | How strict. |\n") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(sections_of_the_kernel) {
    for (const auto name : section_names()) {
        BOOST_TEST(describe_section(name, page::terminal).has_value(), name);
    }
    BOOST_TEST(!describe_section("nonsense", page::terminal));
    const std::string top = *describe_section("config", page::terminal);
    for (const char* each : {"\nlimits.memory ", "\nlimits.lag ", "\nspill.directory "})
        BOOST_TEST(top.find(each) != std::string::npos, each);
    BOOST_TEST(top.find("timeouts") == std::string::npos);  // Of pages of their own.
    const std::string upstream = *describe_section("upstream", page::terminal);
    BOOST_TEST(upstream.find("endpoints[].weight") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_schema_is_json_and_knows_the_plugins) {
    const plugin_entry plugins[] = {{"limiter", "pk.http_filter/1", "Limits.", limiter()},
                                    {"plain", "pk.http_filter/1", "Nothing.", nullptr}};
    const auto schema = boost::json::parse(json_schema(plugins));
    const auto& filters = schema.at("$defs").at("pk.http_filter.1").at("anyOf").as_array();
    BOOST_TEST(filters.at(0).at("enum").as_array().size() == 2u);
    BOOST_TEST(filters.at(1).at("properties").as_object().contains("limiter"));
    const auto& codecs = schema.at("$defs").at("pk.codec.1").at("anyOf").as_array();
    BOOST_TEST(codecs.at(0).at("enum").as_array().at(0).as_string() == "http1");
    BOOST_TEST(schema.at("$defs").at("pk.log.1").as_object().contains("not"));
}

BOOST_AUTO_TEST_SUITE_END()

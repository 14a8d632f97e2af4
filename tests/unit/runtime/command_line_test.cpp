#define BOOST_TEST_DYN_LINK
#include "kernel/runtime/commands.hpp"

#include <boost/test/unit_test.hpp>

using namespace pkernel::runtime;

namespace {

std::string problem(const std::vector<std::string>& words) {
    return parse_command_line(words).problem;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(command_line_)

BOOST_AUTO_TEST_CASE(options_stand_before_and_behind_the_command) {
    const command_line line = parse_command_line({"--plugins-dir", "p", "explain", "--format=json",
                                                  "GET", "/x", "--config", "c"})
                                  .line;
    BOOST_TEST(line.command == "explain");
    BOOST_TEST(line.arguments == (std::vector<std::string>{"GET", "/x"}),
               boost::test_tools::per_element());
    BOOST_TEST(*line.plugins_dir == "p");
    BOOST_TEST(*line.config_file == "c");
    BOOST_TEST(line.json);
    BOOST_TEST(parse_command_line({}).line.command == "");
}

BOOST_AUTO_TEST_CASE(each_mistake_is_one_sentence) {
    BOOST_TEST(problem({"--plugin-dir", "x"}) ==
               "unknown option '--plugin-dir'; did you mean '--plugins-dir'?");
    BOOST_TEST(problem({"--zzz"}) == "unknown option '--zzz'");
    BOOST_TEST(problem({"--workers", "0"}) == "--workers is a number from 1 to 1024, not '0'");
    BOOST_TEST(problem({"--workers", "1025"}) != "");
    BOOST_TEST(problem({"--workers", "4x"}) != "");
    BOOST_TEST(problem({"--workers", "1024"}) == "");
    BOOST_TEST(problem({"--log-level", "loud"}) ==
               "--log-level is debug, info, warn or error, not 'loud'");
    BOOST_TEST(problem({"--format", "xml"}) == "--format is text or json, not 'xml'");
    BOOST_TEST(problem({"--config"}) != "");
    BOOST_TEST(problem({"--config", "a", "--config", "b"}) != "");
    BOOST_TEST(problem({"--help=x"}) != "");
}

BOOST_AUTO_TEST_CASE(every_command_ends_its_help_with_two_examples_that_parse) {
    for (const command& each : commands()) {
        const std::string help = help_text(each);
        const std::size_t at = help.find("examples:\n");
        BOOST_REQUIRE(at != std::string::npos);
        BOOST_TEST(std::count(help.begin() + static_cast<long>(at), help.end(), '\n') == 3);
        BOOST_TEST(help_text().find(each.name) != std::string::npos);
        BOOST_TEST(each.summary.size() < 72u);
    }
}

BOOST_AUTO_TEST_SUITE_END()

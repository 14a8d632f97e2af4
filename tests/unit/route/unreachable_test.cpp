// Warnings of routes that can never match, and silence about those that can.

#include <boost/test/unit_test.hpp>

#include "tests/unit/route/workbench.hpp"

using namespace pkernel::route::testing;

namespace {

// Whether the second route is said to be unreachable after the first.
bool covers(const std::string& first, const std::string& second) {
    const table routes({first, second});
    BOOST_TEST(routes.said.errors() == 0u);
    return routes.said.warnings() == 1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unreachable)

BOOST_AUTO_TEST_CASE(says_which_route_takes_everything) {
    const table routes({"path=/a method=GET", "path=/a", "path=/b", "path=/a/c header=x:1"});
    BOOST_TEST(routes.messages() ==
                   (std::vector<std::string>{
                       "4: route 'routes[3]' can never match: every request that it matches is "
                       "taken by route 'routes[1]' at t.yaml:2"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(several_routes_may_take_it_together_host_by_host) {
    const table routes({"host=a", "host=*.b", "host=a,x.b path=/x", "host=a,b path=/x"});
    BOOST_TEST(routes.messages() ==
                   (std::vector<std::string>{
                       "3: route 'routes[2]' can never match: every request that it matches is "
                       "taken by route 'routes[0]' at t.yaml:1 or route 'routes[1]' at t.yaml:2"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(hosts) {
    BOOST_TEST(covers("", "host=a"));
    BOOST_TEST(covers("host=*.a", "host=x.a"));
    BOOST_TEST(covers("host=*.a", "host=*.a"));
    BOOST_TEST(covers("host=*.a", "host=*.x.a"));
    BOOST_TEST(!covers("host=*.a", "host=a"));
    BOOST_TEST(!covers("host=*.x.a", "host=*.a"));
    BOOST_TEST(!covers("host=a", "host=*.a"));
    BOOST_TEST(!covers("host=a", ""));
}

BOOST_AUTO_TEST_CASE(paths) {
    BOOST_TEST(covers("path=/", "path=/a"));
    BOOST_TEST(covers("path=/", ""));
    BOOST_TEST(covers("", "path=/"));
    BOOST_TEST(covers("path=/a/", "path=/a"));
    BOOST_TEST(covers("path=/a", "path=/%61/b"));
    BOOST_TEST(covers("path=/a", "exact=/a"));
    BOOST_TEST(covers("path=/a", "exact=/a/"));
    BOOST_TEST(covers("exact=/a", "exact=/a"));
    BOOST_TEST(!covers("exact=/a", "path=/a"));
    BOOST_TEST(!covers("path=/a", "path=/ab"));
    BOOST_TEST(!covers("path=/a/b", "path=/a"));
    BOOST_TEST(!covers("exact=/", ""));
}

BOOST_AUTO_TEST_CASE(methods_and_conditions) {
    BOOST_TEST(covers("method=GET,POST", "method=POST"));
    BOOST_TEST(!covers("method=GET", "method=GET,POST"));
    BOOST_TEST(!covers("method=GET", ""));
    BOOST_TEST(covers("header=a", "header=a:1 path=/x"));
    BOOST_TEST(covers("header=a:1", "header=a:1 header=b:2"));
    BOOST_TEST(!covers("header=a:1", "header=a"));
    BOOST_TEST(!covers("header=a:1", "header=a:2"));
    BOOST_TEST(!covers("header=a", "query=a"));
    BOOST_TEST(covers("header=!a", "header=!a query=b"));
    BOOST_TEST(!covers("header=!a", "header=a"));
    BOOST_TEST(!covers("header=!a", "query=b"));
    BOOST_TEST(covers("query=b", "query=b:1"));
    BOOST_TEST(covers("listener=1", "listener=1 path=/a"));
    BOOST_TEST(!covers("listener=1", "listener=2"));
    BOOST_TEST(!covers("listener=1", "path=/a"));
}

BOOST_AUTO_TEST_SUITE_END()

// The rules of matching, each as a table of requests (behaviour F 1, 9, 11; S13).

#include "kernel/route/router.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/route/workbench.hpp"

using namespace pkernel;
using namespace pkernel::route::testing;

namespace {

struct expectation {
    const char* request;
    int route;
};

void check(const table& routes, std::initializer_list<expectation> all) {
    for (const auto& each : all) {
        const request asked(each.request);
        BOOST_TEST_CONTEXT(each.request) {
            BOOST_TEST(asked.readable);
            BOOST_TEST(asked.in(routes) == each.route);
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(router)

BOOST_AUTO_TEST_CASE(a_host_is_exact_or_a_suffix_of_whole_labels) {
    const table routes({"host=a.example", "host=*.example", "host=*.b.example,c.test", "host=::1"});
    check(routes, {
                      {"GET a.example/", 0},
                      {"GET x.example/", 1},
                      {"GET x.y.z.example/", 1},
                      {"GET example/", -1},
                      {"GET badexample/", -1},
                      {"GET .example/", -1},
                      {"GET a.example.com/", -1},
                      {"GET c.test/", 2},
                      {"GET x.c.test/", -1},
                      {"GET ::1/", 3},
                      {"GET /", -1},
                  });
}

BOOST_AUTO_TEST_CASE(the_first_in_the_file_wins_whatever_is_more_special) {
    const table routes({"host=*.example path=/a", "path=/a/b", "host=x.example path=/a/b/c",
                        "exact=/a/b/c/d", "host=x.example", "path=/"});
    check(routes, {
                      {"GET x.example/a/b/c", 0},
                      {"GET y.test/a/b/c/d", 1},
                      {"GET x.example/q", 4},
                      {"GET y.test/q", 5},
                      {"GET /", 5},
                  });
}

BOOST_AUTO_TEST_CASE(a_prefix_ends_on_a_segment_and_its_last_slash_means_nothing) {
    for (const char* prefix : {"path=/api", "path=/api/", "path=/%61pi", "path=/x/../api/"}) {
        const table routes({prefix});
        check(routes,
              {
                  {"GET h/api", 0},      {"GET h/api/", 0},       {"GET h/api/x/y", 0},
                  {"GET h/api?x=/y", 0}, {"GET h/api//x", 0},     {"GET h/apix", -1},
                  {"GET h/api.x", -1},   {"GET h/api;x", -1},     {"GET h/ap", -1},
                  {"GET h/API", -1},     {"GET h//api", -1},      {"GET h/x/api", -1},
                  {"GET h/api%2Fx", -1}, {"GET h/api%252Fx", -1}, {"GET h/api%5Cx", -1},
                  {"GET h/%61pi/x", 0},  {"GET h/x/../api", 0},   {"GET h/x/%2e%2e/api/y", 0},
                  {"GET h/./api", 0},    {"GET h/api/../x", -1},  {"GET h/api/.", 0},
              });
    }
}

BOOST_AUTO_TEST_CASE(an_exact_path_is_that_path_only) {
    const table routes({"exact=/a", "exact=/a/", "exact=/a%2fb", "exact=/", "exact=/a%20b"});
    check(routes, {
                      {"GET h/a", 0},
                      {"GET h/%61", 0},
                      {"GET h/a?q", 0},
                      {"GET h/a/", 1},
                      {"GET h/a//", -1},
                      {"GET h/a/b", -1},
                      {"GET h/a%2Fb", 2},
                      {"GET h/", 3},
                      {"GET h/x/..", 3},
                      {"GET h/a%20b", 4},
                  });
}

BOOST_AUTO_TEST_CASE(empty_segments_count) {
    const table routes({"path=/a//", "path=//", "path=/"});
    check(routes, {
                      {"GET h/a//b", 0},
                      {"GET h/a/", 0},
                      {"GET h/a", 2},
                      {"GET h/a/b", 2},
                      {"GET h//x", 1},
                      {"GET h/", 1},
                      {"GET h/x", 2},
                  });
}

BOOST_AUTO_TEST_CASE(methods_are_a_list_and_compared_with_their_case) {
    const table routes({"method=GET,PURGE", "method=POST", "method=get"});
    check(routes, {
                      {"GET h/", 0},
                      {"PURGE h/", 0},
                      {"POST h/", 1},
                      {"get h/", 2},
                      {"HEAD h/", -1},
                      {"PURGEX h/", -1},
                  });
}

BOOST_AUTO_TEST_CASE(one_of_several_fields_of_a_name_is_enough) {
    const table routes({"header=x-a:1 header=accept:text/html", "header=x-a:2", "header=x-b",
                        "header=!x-a", "path=/"});
    const auto at = [&](const std::vector<std::string>& fields) {
        return request("GET h/", fields).in(routes);
    };
    BOOST_TEST(at({"X-A: 0", "x-A: 1", "Accept: text/html"}) == 0);
    BOOST_TEST(at({"X-A: 1"}) == 4);
    BOOST_TEST(at({"X-A: 1", "X-A: 2"}) == 1);
    BOOST_TEST(at({"x-a: 1, 2"}) == 4);
    BOOST_TEST(at({"X-B: "}) == 2);
    BOOST_TEST(at({"X-B: 5", "X-A: 9"}) == 2);
    BOOST_TEST(at({}) == 3);
    BOOST_TEST(at({"x_a: 1"}) == 3);
}

BOOST_AUTO_TEST_CASE(a_parameter_is_compared_decoded_and_plus_is_plus) {
    const table routes(
        {"query=k:a/b", "query=k:a+b", "query=k:", "query=name:x", "query=!k", "path=/"});
    check(routes, {
                      {"GET h/?k=a/b", 0},
                      {"GET h/?k=a%2Fb", 0},
                      {"GET h/?%6b=a%2fb", 0},
                      {"GET h/?k=x&k=a/b", 0},
                      {"GET h/?x=1&&k=a/b&", 0},
                      {"GET h/?k=a%252Fb", 5},
                      {"GET h/?k=a+b", 1},
                      {"GET h/?k=a%2Bb", 1},
                      {"GET h/?k=a%20b", 5},
                      {"GET h/?k", 2},
                      {"GET h/?k=", 2},
                      {"GET h/?k=%", 5},
                      {"GET h/?k=%zz", 5},
                      {"GET h/?k=a/b=c", 5},
                      {"GET h/?name=x", 3},
                      {"GET h/?K=a/b", 4},
                      {"GET h/", 4},
                      {"GET h/?", 4},
                      {"GET h/?=a/b", 4},
                  });
}

BOOST_AUTO_TEST_CASE(a_listener_is_part_of_the_match) {
    const table routes({"listener=1 path=/a", "listener=2", "path=/"});
    BOOST_TEST(request("GET h/a", {}, 0).in(routes) == 2);
    BOOST_TEST(request("GET h/a", {}, 1).in(routes) == 0);
    BOOST_TEST(request("GET h/a", {}, 2).in(routes) == 1);
    BOOST_TEST(request("GET h/a", {}, 7).in(routes) == 2);
}

BOOST_AUTO_TEST_CASE(without_routes_nothing_is_found) {
    BOOST_TEST(request("GET h/").in(table({})) == -1);
}

BOOST_AUTO_TEST_CASE(what_no_request_can_match_is_an_error) {
    const table routes({"path=/%zz", "path=/../x", "exact=x", "listener=none path=/a",
                        "header=host:a", "host=" + std::string(254, 'a'), "path=/good"});
    BOOST_TEST(
        routes.messages() ==
            (std::vector<std::string>{"1: '/%zz' is not a path that a request can have",
                                      "2: '/../x' is not a path that a request can have",
                                      "3: 'x' is not a path that a request can have",
                                      "4: there is no listener 'none'",
                                      "5: the field 'host' is matched by the key 'host'",
                                      "6: a host name of more than 253 bytes cannot be asked for"}),
        boost::test_tools::per_element());
    BOOST_TEST(routes.said.errors() == 6u);
    BOOST_TEST(request("GET h/good").in(routes) == 6);
    BOOST_TEST(request("GET h/a").in(routes) == -1);
}

BOOST_AUTO_TEST_CASE(more_methods_than_there_are_bits_is_an_error) {
    std::string methods = "method=GET";
    for (int i = 0; i < 62; ++i) methods += ",M" + std::to_string(i);
    const table most({methods});
    BOOST_TEST(most.said.errors() == 0u);
    BOOST_TEST(request("M61 h/").in(most) == 0);
    BOOST_TEST(request("M62 h/").in(most) == -1);
    const table more({methods, "method=M62", "method=M0 path=/x"});
    BOOST_TEST(more.messages()[0] == "2: the routes name more than 63 different methods");
}

BOOST_AUTO_TEST_CASE(more_conditions_than_there_is_room_for_is_an_error) {
    std::vector<std::string> lines;
    for (int i = 0; i < 131072; ++i) lines.push_back("header=x:" + std::to_string(i));
    lines.push_back("query=k:v listener=1");
    const table routes(lines);
    BOOST_TEST(routes.messages() == (std::vector<std::string>{"131073: the routes have more than "
                                                              "131072 different conditions"}),
               boost::test_tools::per_element());
    BOOST_TEST(request("GET h/", {"X: 131071"}).in(routes) == 131071);
}

BOOST_AUTO_TEST_SUITE_END()

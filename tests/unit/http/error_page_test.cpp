// Error pages: which form, and that nothing in them is taken for markup (S34).

#include <boost/test/unit_test.hpp>

#include "kernel/http/error_page.hpp"

using namespace pkernel::http;

BOOST_AUTO_TEST_SUITE(error_page_)

BOOST_AUTO_TEST_CASE(json_only_when_the_client_prefers_it) {
    for (const char* accept :
         {"application/json", "application/json, text/plain, */*",
          "application/json;q=0.9, */*;q=0.8", "text/html;q=0.5, application/json",
          "application/vnd.api+json", "APPLICATION/JSON", "application/*",
          "text/html;q=0, application/json;q=0.1", "application/problem+json"})
        BOOST_TEST(prefers_json(accept), accept);
    for (const char* accept :
         {"", "*/*", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          "application/json;q=0", "application/json, text/html", "image/png", "text/*", ",,;",
          "application/json;q=0.5, text/html;q=0.6", "application/json ;q=0.5, text/* ; q=0.6"})
        BOOST_TEST(!prefers_json(accept), accept);
}

BOOST_AUTO_TEST_CASE(html_has_status_cause_detail_and_id) {
    const auto page = render_html({502, "connection_refused", "The origin refused.", "00ab"});
    for (const char* part : {"<title>502 Bad Gateway</title>", "connection_refused",
                             "<p>The origin refused.</p>", "00ab"})
        BOOST_TEST(page.find(part) != page.npos, part);
    BOOST_TEST(page.size() < 2048u);
}

BOOST_AUTO_TEST_CASE(html_leaves_out_what_is_empty) {
    const auto page = render_html({599, "", "", ""});
    BOOST_TEST(page.find("<p>") == page.npos);
    BOOST_TEST(page.find("<dl>") == page.npos);
    BOOST_TEST(page.find("<title>599 Error</title>") != page.npos);
}

BOOST_AUTO_TEST_CASE(html_is_escaped) {
    const auto page = render_html({400, "<b>\"&'\n", "<script>", "\x01"});
    BOOST_TEST(page.find("&lt;b&gt;&quot;&amp;&#39; ") != page.npos);
    BOOST_TEST(page.find("<script>") == page.npos);
    BOOST_TEST(page.find('\x01') == page.npos);
}

BOOST_AUTO_TEST_CASE(json_has_the_same_and_is_escaped) {
    BOOST_TEST(render_json({404, "no_route", "None.", "00ab"}) ==
               "{\"status\":404,\"error\":\"Not Found\",\"cause\":\"no_route\","
               "\"detail\":\"None.\",\"request_id\":\"00ab\"}\n");
    BOOST_TEST(render_json({404, "", "", ""}) == "{\"status\":404,\"error\":\"Not Found\"}\n");
    BOOST_TEST(render_json({400, "a\"b\\c\n\x7f\xe9", "", ""}) ==
               "{\"status\":400,\"error\":\"Bad Request\","
               "\"cause\":\"a\\\"b\\\\c\\u000a\\u007f\\ufffd\"}\n");
}

BOOST_AUTO_TEST_SUITE_END()

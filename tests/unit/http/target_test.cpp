// From a head to the canonical request: methods, targets, hosts (S01, S13, S21; RFC 9112 3.2).

#include <boost/test/unit_test.hpp>

#include "kernel/http/target.hpp"
#include "play.hpp"

using namespace pkernel;
using namespace pkernel::http;
using namespace pkernel::http::test;

namespace {

struct row {
    std::string text;
    std::string expected;
};

// "method authority host port path normal query fields", or the fault.
std::string in_words(const pk_request& r, const fields& all) {
    const auto s = [](pk_str v) { return v.size ? std::string(to_view(v)) : "-"; };
    const auto query = r.has_query ? "?" + std::string(to_view(r.query)) : "-";
    return s(r.method) + " " + s(r.authority) + " " + s(r.host) + " " +
           std::to_string(r.authority_port) + " " + s(r.path) + " " + s(r.path_normal) + " " +
           query + test::describe(all);
}

const row rows[] = {
    {"GET / HTTP/1.1|Host: a|", "GET a a 0 / / -"},
    {"GET /x?y HTTP/1.1|X: 1|Host: Example.COM:8080|Y: 2|",
     "GET Example.COM:8080 example.com 8080 /x /x ?y | X=1 | Y=2"},
    {"GET /? HTTP/1.1|Host: a|", "GET a a 0 / / ?"},
    {"GET /a?b?c%zz HTTP/1.1|Host: a|", "GET a a 0 /a /a ?b?c%zz"},
    {"GET /a%2Fb/../%63 HTTP/1.1|Host: a|", "bad 400 bad_path"},
    {"GET /a/../%63 HTTP/1.1|Host: a|", "GET a a 0 /a/../%63 /c -"},
    {"GET / HTTP/1.1|Host: a.b.|", "GET a.b. a.b 0 / / -"},
    {"GET / HTTP/1.1|Host: [::1]:80|", "GET [::1]:80 ::1 80 / / -"},
    {"GET / HTTP/1.1|Host: [2001:DB8::A]|", "GET [2001:DB8::A] 2001:db8::a 0 / / -"},
    {"GET / HTTP/1.0|", "GET - - 0 / / -"},
    {"GET / HTTP/1.0|Host: a|", "GET a a 0 / / -"},
    {"BREW / HTTP/1.1|Host: a|", "BREW a a 0 / / -"},
    {"OPTIONS * HTTP/1.1|Host: a|", "OPTIONS a a 0 * / -"},
    {"OPTIONS /x HTTP/1.1|Host: a|", "OPTIONS a a 0 /x /x -"},
    // Absolute-form.
    {"GET http://b:81/x?y HTTP/1.1|Host: a|", "GET b:81 b 81 /x /x ?y"},
    {"GET HTTPS://B/ HTTP/1.1|Host: a|", "GET B b 0 / / -"},
    {"GET http://b HTTP/1.1|Host: a|", "GET b b 0 / / -"},
    {"GET http://b?c/d HTTP/1.1|Host: a|", "GET b b 0 / / ?c/d"},
    {"GET http://b/ HTTP/1.0|", "GET b b 0 / / -"},
    {"OPTIONS http://b HTTP/1.1|Host: a|", "OPTIONS b b 0 * / -"},
    {"OPTIONS http://b? HTTP/1.1|Host: a|", "OPTIONS b b 0 / / ?"},
    {"OPTIONS http://b/ HTTP/1.1|Host: a|", "OPTIONS b b 0 / / -"},
    // Faults.
    {"TRACE / HTTP/1.1|Host: a|", "bad 405 method_not_allowed"},
    {"CONNECT a:443 HTTP/1.1|Host: a:443|", "bad 405 method_not_allowed"},
    {"GET * HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"OPTIONS ** HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET a HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET @evil/ HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET ?a HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET /a#b HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET /a?b#c HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET ftp://a/ HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http:/a/ HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http:///x HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http://?x HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http://u@a/ HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http://a:x/ HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http://a\\b/ HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http://a/#b HTTP/1.1|Host: a|", "bad 400 bad_target"},
    {"GET http://a/.. HTTP/1.1|Host: a|", "bad 400 bad_path"},
    {"GET /.. HTTP/1.1|Host: a|", "bad 400 bad_path"},
    {"GET /%00 HTTP/1.1|Host: a|", "bad 400 bad_path"},
    {"GET / HTTP/1.1|X: y|", "bad 400 missing_host"},
    {"GET http://a/ HTTP/1.1|X: y|", "bad 400 missing_host"},
    {"GET / HTTP/1.1|Host: a|Host: b|", "bad 400 many_hosts"},
    {"GET / HTTP/1.0|Host: a|host: a|", "bad 400 many_hosts"},
    {"GET / HTTP/1.1|Host: a, b|", "bad 400 bad_host"},
    {"GET http://b/ HTTP/1.1|Host: u@a|", "bad 400 bad_host"},
    {"POST / HTTP/1.1|Host: a|Content-Length: x|", "bad 400 bad_content_length"},
};

const char* const hosts[] = {
    "a",
    "EXAMPLE.com",
    "a-b_c.d",
    "127.0.0.1",
    "a:1",
    "a:65535",
    "a:080",
    "a.",
    "a.:80",
    "[::]",
    "[::1]:8080",
    "[1:2:3:4:5:6:7:8]",
    "[::ffff:1.2.3.4]",
    "xn--bcher-kva.example",
    "_x",
    "1",
};

const char* const no_hosts[] = {
    "",
    " ",
    "a b",
    "a,b",
    "a, b",
    "u@a",
    "a/b",
    "a?b",
    "a#b",
    "a\\b",
    "http://a",
    "a:",
    "a:http",
    "a:0",
    "a:65536",
    "a:000080",
    "a:99999999999",
    "a:80:81",
    "a:+80",
    "a:-1",
    "a: 80",
    ":80",
    ".",
    "..",
    ".a",
    "a..b",
    "a..",
    "a%2eb",
    "a\x7f",
    "\xc3\xa9",
    "[::1",
    "::1",
    "[evil]",
    "[]",
    "[::1]x",
    "[::1]:",
    "[::1]:x",
    "[::1].",
    "[fe80::1%25eth0]",
    "[v1.x]",
    "[1.2.3.4]",
    "a[::1]",
    "*",
    "a;b",
    "a=b",
    "'a'",
    "(a)",
    "a!",
    "~a",
    "[::1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22]",
};

struct rig {
    base::block_pool pool;
    base::arena arena{pool};
    pk_request request{};
    request_head head{arena};

    std::string make(const std::string& text, bool secure = false) {
        bytes = text;
        for (std::size_t at; (at = bytes.find('|')) != bytes.npos;) bytes.replace(at, 1, "\r\n");
        bytes += "\r\n";
        std::size_t consumed = 0;
        parse_fault fault;
        request = {};
        const auto result = parse_request(bytes, 0, {}, head, &consumed, fault);
        if (result != parse_result::complete) return "not parsed";
        if (!make_request(head, secure, arena, request, fault)) return describe_bad(fault);
        return in_words(request, head.headers);
    }

    std::uint32_t flags_after(const std::string& text, bool secure = false) {
        make(text, secure);
        return request.flags;
    }

    bool is_authority(std::string_view text, std::string_view& host, std::uint32_t& port) {
        return read_authority(memory.hold(text), arena, host, port);
    }

    std::string bytes;
    guarded memory;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(target, rig)

BOOST_AUTO_TEST_CASE(is_read_or_refused_as_the_table_says) {
    for (const row& r : rows) BOOST_TEST(make(r.text) == r.expected, r.text);
}

BOOST_AUTO_TEST_CASE(of_many_hosts_each_is_judged) {
    std::string_view host;
    std::uint32_t port = 0;
    for (const char* text : hosts) BOOST_TEST(is_authority(text, host, port), text);
    for (const char* text : no_hosts) BOOST_TEST(!is_authority(text, host, port), text);
    BOOST_TEST(!is_authority(std::string_view("a\0b", 3), host, port));
    BOOST_TEST(!is_authority(std::string_view("[::1\0]", 6), host, port));
    const std::string label = std::string(63, 'a') + ".";
    const std::string longest = label + label + label + label.substr(0, 63);
    BOOST_TEST(longest.size() == 255u);
    BOOST_TEST(is_authority(longest, host, port));
    BOOST_TEST(is_authority(longest + ".", host, port));
    BOOST_TEST(!is_authority(longest + "a", host, port));
}

BOOST_AUTO_TEST_CASE(flags_tell_what_the_request_is) {
    const std::uint32_t safe = PK_REQUEST_SAFE | PK_REQUEST_IDEMPOTENT;
    BOOST_TEST(flags_after("GET / HTTP/1.1|Host: a|") == safe);
    BOOST_TEST(flags_after("GET / HTTP/1.1|Host: a|", true) == (safe | PK_REQUEST_SECURE));
    BOOST_TEST(flags_after("HEAD / HTTP/1.0|") == (safe | PK_REQUEST_HTTP10));
    BOOST_TEST(flags_after("OPTIONS * HTTP/1.1|Host: a|") == safe);
    BOOST_TEST(flags_after("PUT / HTTP/1.1|Host: a|Content-Length: 0|") == PK_REQUEST_IDEMPOTENT);
    BOOST_TEST(flags_after("DELETE / HTTP/1.1|Host: a|") == PK_REQUEST_IDEMPOTENT);
    BOOST_TEST(flags_after("POST / HTTP/1.1|Host: a|Content-Length: 1|") == PK_REQUEST_HAS_BODY);
    BOOST_TEST(flags_after("PATCH / HTTP/1.1|Host: a|Transfer-Encoding: chunked|") ==
               PK_REQUEST_HAS_BODY);
    BOOST_TEST(flags_after("BREW / HTTP/1.1|Host: a|") == 0u);
}

BOOST_AUTO_TEST_CASE(scheme_and_length_are_told) {
    make("GET / HTTP/1.1|Host: a|");
    BOOST_TEST(to_view(request.scheme) == "http");
    BOOST_TEST(request.content_length == -1);
    make("POST https://a/ HTTP/1.1|Host: a|Content-Length: 7|", true);
    BOOST_TEST(to_view(request.scheme) == "https");
    BOOST_TEST(request.content_length == 7);
    make("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|");
    BOOST_TEST(request.content_length == -1);
}

BOOST_AUTO_TEST_CASE(an_upgrade_needs_both_fields_and_http_1_1) {
    make("GET / HTTP/1.1|Host: a|Upgrade: websocket|Connection: keep-alive, Upgrade|");
    BOOST_TEST((request.flags & PK_REQUEST_UPGRADE));
    BOOST_TEST(to_view(request.upgrade) == "websocket");
    make("GET / HTTP/1.1|Host: a|Upgrade: a|Connection: upgrade|Upgrade:|Upgrade: b|");
    BOOST_TEST(to_view(request.upgrade) == "a, b");
    for (const char* text : {"GET / HTTP/1.1|Host: a|Upgrade: websocket|",
                             "GET / HTTP/1.1|Host: a|Upgrade: websocket|Connection: close|",
                             "GET / HTTP/1.1|Host: a|Connection: upgrade|",
                             "GET / HTTP/1.1|Host: a|Upgrade:|Connection: upgrade|",
                             "GET / HTTP/1.0|Host: a|Upgrade: websocket|Connection: upgrade|"}) {
        make(text);
        BOOST_TEST(!(request.flags & PK_REQUEST_UPGRADE), text);
        BOOST_TEST(request.upgrade.size == 0u);
    }
}

BOOST_AUTO_TEST_CASE(methods_have_ids) {
    const std::pair<const char*, std::uint32_t> methods[] = {
        {"GET", PK_METHOD_GET},     {"HEAD", PK_METHOD_HEAD},     {"POST", PK_METHOD_POST},
        {"PUT", PK_METHOD_PUT},     {"DELETE", PK_METHOD_DELETE}, {"OPTIONS", PK_METHOD_OPTIONS},
        {"PATCH", PK_METHOD_PATCH}, {"TRACE", PK_METHOD_TRACE},   {"CONNECT", PK_METHOD_CONNECT},
        {"get", PK_METHOD_OTHER},   {"", PK_METHOD_OTHER},        {"PROPFIND", PK_METHOD_OTHER},
        {"GOT", PK_METHOD_OTHER},
    };
    for (const auto& [name, id] : methods) BOOST_TEST(method_id(name) == id, name);
    BOOST_TEST(method_flags(PK_METHOD_TRACE) == (PK_REQUEST_SAFE | PK_REQUEST_IDEMPOTENT));
    BOOST_TEST(method_flags(PK_METHOD_CONNECT) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

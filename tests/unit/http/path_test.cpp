// Paths: the table of design-details 21, S13's list, and agreement with a slow model.

#include <boost/test/unit_test.hpp>

#include <random>

#include "guarded.hpp"
#include "kernel/http/target.hpp"
#include "path_model.hpp"

using namespace pkernel;
using namespace pkernel::http;
using namespace std::string_literals;

namespace {

struct row {
    std::string raw;
    std::string normal;  // Empty: refused.
    std::string flags;   // See flags_of.
};

const row rows[] = {
    // Nothing to do.
    {"/", "/", ""},
    {"/a", "/a", ""},
    {"/a/", "/a/", ""},
    {"/a/b.c/d..e/...", "/a/b.c/d..e/...", ""},
    {"/.well-known/x", "/.well-known/x", ""},
    {"/a/..b/.c", "/a/..b/.c", ""},
    {"/A/~user/!$&'()*+,=:@-_", "/A/~user/!$&'()*+,=:@-_", ""},
    {"/|^\"<>{}`[]", "/|^\"<>{}`[]", ""},
    {"/\xc3\xa9\xff", "/\xc3\xa9\xff", ""},
    {"/ADMIN", "/ADMIN", ""},
    // Escapes.
    {"/%61dmin", "/admin", "x"},
    {"/a%20b%3Fc%23d", "/a b?c#d", "x"},
    {"/%E2%82%AC", "/\xe2\x82\xac", "x"},
    {"/%c0%ae%c0%ae/", "/\xc0\xae\xc0\xae/", "x"},
    {"/a%2fb", "/a%2Fb", "ex"},
    {"/a%2Fb", "/a%2Fb", "ex"},
    {"/a%25b", "/a%25b", "x"},
    {"/x/%252e%252e/admin", "/x/%252e%252e/admin", "x"},
    {"/a%252Fb", "/a%252Fb", "x"},
    {"/a%5Cb", "/a\\b", "ebx"},
    {"/a%3Bb", "/a;b", "px"},
    {"/a%zz", "", ""},
    {"/%", "", ""},
    {"/%4", "", ""},
    {"/%4/1", "", ""},
    {"/a%00b", "", ""},
    {"/admin%00", "", ""},
    {"/%0d%0aX:%20y", "", ""},
    {"/%1f", "", ""},
    {"/%7F", "", ""},
    {"/%09", "", ""},
    // Bytes that are none of a path.
    {"", "", ""},
    {"a", "", ""},
    {"*", "", ""},
    {"/a b", "", ""},
    {"/a#b", "", ""},
    {"/a?b", "", ""},
    {"/\0"s, "", ""},
    {"/\x7f", "", ""},
    {"/\t", "", ""},
    // Dots.
    {"/.", "/", "d"},
    {"/./", "/", "d"},
    {"/./admin", "/admin", "d"},
    {"/a/.", "/a/", "d"},
    {"/a/./b/.", "/a/b/", "d"},
    {"/a/..", "/", "d"},
    {"/a/../", "/", "d"},
    {"/a/../b", "/b", "d"},
    {"/a/b/../..", "/", "d"},
    {"/a/b/../../c", "/c", "d"},
    {"/a/./../b", "/b", "d"},
    {"/public/../admin", "/admin", "d"},
    {"/public/%2e%2e/admin", "/admin", "dx"},
    {"/public/.%2E/admin", "/admin", "dx"},
    {"/%2e/a", "/a", "dx"},
    {"/a/b%2e/../c", "/a/c", "dx"},
    {"/..", "", ""},
    {"/../../etc/passwd", "", ""},
    {"/%2e%2e/a", "", ""},
    {"/a/../..", "", ""},
    {"/./..", "", ""},
    // Second readings that stand.
    {"//", "//", "s"},
    {"//admin", "//admin", "s"},
    {"/a//b///c", "/a//b///c", "s"},
    {"/a/.//b", "/a//b", "ds"},
    {"//a/../b", "//b", "ds"},
    {"/admin;x", "/admin;x", "p"},
    {"/a;b=c/d;e", "/a;b=c/d;e", "p"},
    {"/a;b/../c", "/c", "dp"},
    {"/a;..", "/a;..", "p"},
    {"/a\\b", "/a\\b", "b"},
    {"/a/\\", "/a/\\", "b"},
    // Dots that only some would see.
    {"/public/..%2fadmin", "", ""},
    {"/public%2f..%2fadmin", "", ""},
    {"/public%2f../admin", "", ""},
    {"/public\\..\\admin", "", ""},
    {"/public/..\\admin", "", ""},
    {"/public\\../admin", "", ""},
    {"/public/..%5cadmin", "", ""},
    {"/public/..;/admin", "", ""},
    {"/public/..;x/admin", "", ""},
    {"/public/%2e%2e%3b/admin", "", ""},
    {"/.;/admin", "", ""},
    {"/a%2F.", "", ""},
    {"/.\\admin", "", ""},
    {"/a;b\\..", "", ""},
    // Dots that take away more in one reading than in another.
    {"/a//../b", "", ""},
    {"//../b", "", ""},
    {"/a%2Fb/../c", "", ""},
    {"/a\\b/../c", "", ""},
    {"/a/;/../b", "", ""},
    {"/a/;x/..", "", ""},
};

// e encoded slash, d dot segments, b backslash, s double slash, p params, x escapes
unsigned flags_of(std::string_view letters) {
    unsigned flags = 0;
    for (const char c : letters)
        flags |= c == 'e'   ? PK_PATH_ENCODED_SLASH
                 : c == 'd' ? PK_PATH_DOT_SEGMENTS
                 : c == 'b' ? PK_PATH_BACKSLASH
                 : c == 's' ? PK_PATH_DOUBLE_SLASH
                 : c == 'p' ? PK_PATH_PARAMS
                            : PK_PATH_ESCAPES;
    return flags;
}

struct rig {
    base::block_pool pool;
    base::arena arena{pool};
    test::guarded memory;

    std::optional<test::model_reading> read(std::string_view raw) {
        path_reading out;
        if (!read_path(memory.hold(raw), arena, out)) return {};
        return test::model_reading{std::string(out.normal), out.flags};
    }

    void check(const std::string& raw) {
        const auto reading = read(raw);
        const auto model = test::model_read(raw);
        BOOST_TEST(reading.has_value() == model.has_value(), raw);
        if (!reading || !model) return;
        BOOST_TEST((*reading == *model), raw << " -> " << reading->normal << ", " << model->normal);
        BOOST_TEST(test::is_sound(raw, reading->normal), raw << " -> " << reading->normal);
        const auto again = read(test::escape_again(reading->normal));
        BOOST_TEST((again && again->normal == reading->normal), raw << " -> " << reading->normal);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(path, rig)

BOOST_AUTO_TEST_CASE(is_read_as_the_table_says) {
    for (const row& r : rows) {
        const auto reading = read(r.raw);
        BOOST_TEST(reading.has_value() == !r.normal.empty(), r.raw);
        if (!reading) continue;
        BOOST_TEST(reading->normal == r.normal, r.raw);
        BOOST_TEST(reading->flags == flags_of(r.flags), r.raw);
    }
}

BOOST_AUTO_TEST_CASE(agrees_with_the_model_and_is_idempotent) {
    for (const row& r : rows) check(r.raw);
}

BOOST_AUTO_TEST_CASE(agrees_with_the_model_on_all_short_paths) {
    const std::string_view pieces[] = {"/", ".", "..", "%2f", "\\", ";", "a", "%2e", "%25"};
    constexpr std::size_t count = std::size(pieces);
    for (std::size_t length = 0; length <= 6; ++length) {
        std::size_t all = 1;
        for (std::size_t i = 0; i < length; ++i) all *= count;
        // A prime step visits a thinned-out set once there are many.
        for (std::size_t n = 0; n < all; n += length < 5 ? 1 : length == 5 ? 29 : 397) {
            std::string raw = "/";
            for (std::size_t i = 0, rest = n; i < length; ++i, rest /= count)
                raw += pieces[rest % count];
            check(raw);
        }
    }
}

BOOST_AUTO_TEST_CASE(agrees_with_the_model_on_random_paths) {
    std::mt19937 random(21);
    const std::string_view alphabet = "////....%%%2255FfEecC\\;;aZ~ #?\x01\xe9";
    for (int i = 0; i < 5000; ++i) {
        std::string raw = "/";
        for (auto n = random() % 30; n > 0; --n) raw += alphabet[random() % alphabet.size()];
        check(raw);
    }
}

BOOST_AUTO_TEST_CASE(copies_only_what_it_changes) {
    path_reading out;
    for (const std::string_view raw : {"/a/b;c", "/a%2Fb", "/.a/b"}) {
        BOOST_TEST_REQUIRE(read_path(raw, arena, out));
        BOOST_TEST((out.normal.data() == raw.data()), raw);
    }
}

BOOST_AUTO_TEST_CASE(takes_time_in_proportion_to_its_length) {
    std::string deep;
    for (int i = 0; i < 4000; ++i) deep += "/a";
    for (int i = 0; i < 4000; ++i) deep += "/..";
    path_reading out;
    BOOST_TEST(read_path(deep, arena, out));
    BOOST_TEST(out.normal == "/");
    BOOST_TEST(!read_path(deep + "/..", arena, out));
}

BOOST_AUTO_TEST_SUITE_END()

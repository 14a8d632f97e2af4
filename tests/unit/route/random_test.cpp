// The router against a model that tries every route in turn, on thousands of random configs.

#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/route/workbench.hpp"

using namespace pkernel;
using namespace pkernel::route::testing;

namespace {

// Draws words from small sets, so that routes and requests meet often.
class drawer {
public:
    explicit drawer(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return random_() % n; }
    bool chance(std::size_t one_in) { return below(one_in) == 0; }
    const char* one_of(std::initializer_list<const char*> all) {
        return all.begin()[below(all.size())];
    }

    std::string host() { return one_of({"a", "b.a", "c.b.a", "d", "x.d", "e.c.b.a"}); }

    std::string path(std::size_t segments_max) {
        std::string out;
        for (auto n = below(segments_max + 1); n > 0; --n)
            out += std::string("/") + one_of({"a", "b", "c", "ab", "", "a%2Fb", "a;b"});
        return out.empty() || chance(4) ? out + '/' : out;
    }

    std::string condition() {
        std::string name = one_of({"accept", "x-b", "x-c", "q", "x-longer-name"});
        if (chance(4)) return name;
        if (chance(4)) return "!" + name;
        return name + ":" + std::to_string(below(5));
    }

    std::string route() {
        std::string out;
        if (!chance(3)) {
            out += std::string(" host=") + (chance(3) ? "*." : "") + host();
            while (chance(4)) out += std::string(",") + (chance(3) ? "*." : "") + host();
        }
        if (!chance(5)) out += (chance(4) ? " exact=" : " path=") + path(4);
        if (chance(3)) out += std::string(" method=") + one_of({"GET", "POST", "PURGE", "GET,X"});
        while (chance(2)) out += (chance(2) ? " header=" : " query=") + condition();
        if (chance(6)) out += std::string(" listener=") + one_of({"0", "1", "2"});
        return out;
    }

private:
    std::mt19937 random_;
};

bool holds(const config::name_match& asked,
           const std::vector<std::pair<std::string, std::string>>& all) {
    for (const auto& [name, value] : all)
        if (name == asked.name && (!asked.value || *asked.value == value)) return asked.present;
    return !asked.present;
}

std::vector<std::string> segments(std::string path) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at != std::string::npos;) {
        const auto slash = path.find('/', at + 1);
        out.push_back(path.substr(at + 1, slash - at - 1));
        at = slash;
    }
    return out;
}

std::string normal(const std::string& path) {
    base::block_pool blocks;
    base::arena arena(blocks);
    http::path_reading reading;
    BOOST_REQUIRE(http::read_path(path, arena, reading));
    return std::string(reading.normal);
}

struct plain_request {
    std::string method, host, path;
    std::vector<std::pair<std::string, std::string>> fields, parameters;
    std::uint32_t listener = 0;
};

bool fits_path(const config::match& match, const plain_request& r) {
    if (match.path_is == config::path_kind::none) return true;
    const auto path = normal(match.path);
    if (match.path_is == config::path_kind::exact) return path == r.path;
    auto wanted = segments(path);
    if (wanted.back().empty()) wanted.pop_back();
    const auto got = segments(r.path);
    return got.size() >= wanted.size() && std::equal(wanted.begin(), wanted.end(), got.begin());
}

bool fits_host(const config::match& match, const std::string& host) {
    if (match.hosts.empty()) return true;
    for (const auto& each : match.hosts)
        if (each.suffix ? host.ends_with("." + each.text) : host == each.text) return true;
    return false;
}

bool fits(const config::match& match, const plain_request& r) {
    if (!fits_host(match, r.host) || !fits_path(match, r)) return false;
    if (match.listener && *match.listener != std::to_string(r.listener)) return false;
    if (!match.methods.empty() && std::ranges::count(match.methods, r.method) == 0) return false;
    for (const auto& each : match.headers)
        if (!holds(each, r.fields)) return false;
    for (const auto& each : match.query)
        if (!holds(each, r.parameters)) return false;
    return true;
}

plain_request draw_request(drawer& from) {
    plain_request out;
    out.method = from.one_of({"GET", "POST", "PURGE", "X", "HEAD"});
    out.host = from.chance(8) ? "" : from.host();
    out.path = from.path(6);
    const auto draw = [&](auto& to) {
        while (!from.chance(3)) {
            const std::string name =
                from.one_of({"accept", "x-b", "x-c", "q", "x-longer-name", "z"});
            to.emplace_back(name, std::to_string(from.below(6)));
        }
    };
    draw(out.fields);
    draw(out.parameters);
    out.listener = static_cast<std::uint32_t>(from.below(3));
    return out;
}

request written(const plain_request& r) {
    std::string line = r.method + " " + r.host + r.path;
    char before = '?';
    for (const auto& [name, value] : r.parameters) {
        line += before + name + "=" + value;
        before = '&';
    }
    std::vector<std::string> fields;
    for (const auto& [name, value] : r.fields) fields.push_back(name + ": " + value);
    return request(line, fields, r.listener);
}

int expected(const table& routes, plain_request r) {
    r.path = normal(r.path);
    for (std::size_t i = 0; i < routes.routes.size(); ++i)
        if (fits(routes.routes[i]->match, r)) return static_cast<int>(i);
    return -1;
}

void compare(unsigned seed, std::size_t route_count, std::size_t request_count) {
    drawer from(seed);
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < route_count; ++i) lines.push_back(from.route());
    const table routes(lines);
    BOOST_REQUIRE(routes.said.errors() == 0u);
    std::vector<bool> never(route_count);
    for (const auto& each : routes.said.sorted()) never[each.at.line - 1] = true;
    for (std::size_t i = 0; i < request_count; ++i) {
        const auto drawn = draw_request(from);
        const auto should = expected(routes, drawn);
        const auto is = written(drawn).in(routes);
        BOOST_TEST_INFO("seed " << seed << ", request " << i << ": " << drawn.method << ' '
                                << drawn.host << drawn.path);
        BOOST_TEST_REQUIRE(is == should);
        BOOST_TEST_REQUIRE((should < 0 || !never[static_cast<std::size_t>(should)]));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(random_routes)

BOOST_AUTO_TEST_CASE(a_few_routes_at_a_time) {
    for (unsigned seed = 1; seed <= 400; ++seed) compare(seed, 1 + seed % 12, 30);
}

BOOST_AUTO_TEST_CASE(many_routes_at_a_time) {
    for (unsigned seed = 1; seed <= 10; ++seed) compare(1000 + seed, 800, 400);
}

BOOST_AUTO_TEST_SUITE_END()

#include "kernel/config/hints.hpp"

#include <algorithm>
#include <functional>

#include "kernel/config/kernel_options.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/text.hpp"
#include "kernel/config/value.hpp"

namespace pkernel::config {

namespace {

constexpr std::size_t places_max = 4;
constexpr std::size_t nesting_max = 3;

struct translation {
    std::string_view word;
    std::string_view ours;
};

constexpr std::string_view route_path = "write 'match: { path: /PATH }' in a route";
constexpr std::string_view route_host = "write 'match: { host: NAME }' in a route";
constexpr std::string_view forward_to =
    "write 'forward: NAME' in a route, and the address under the endpoints of that upstream";
constexpr std::string_view a_filter =
    "a filter of the route does that; 'pkernel plugins' lists those that are here";
constexpr std::string_view a_handler =
    "the 'handler' of a route, or a filter, does that; 'pkernel plugins' lists those that are here";
constexpr std::string_view a_transport =
    "write the certificate under the 'transport' of the listener";
constexpr std::string_view origin_transport = "write it under the 'transport' of the upstream";
constexpr std::string_view a_health = "write it under the 'health' of the upstream";
constexpr std::string_view an_attempt = "write it under the 'attempt' of the upstream";
constexpr std::string_view endpoints = "write 'endpoints: [ ADDRESS ]' in an upstream";
constexpr std::string_view a_listener = "write it under 'listeners', with its 'address'";
constexpr std::string_view request_body = "write 'limits: { request_body: SIZE }' in a route";
constexpr std::string_view needless = "it needs no word here: leave it out";

// Words that are also names of plugins are found by the plugins that are installed.
constexpr translation translations[] = {
    {"add_header", a_filter},
    {"alias", a_handler},
    {"allow", a_filter},
    {"auth_basic", a_filter},
    {"backend", "write it under 'upstreams'"},
    {"bind", a_listener},
    {"client_body_timeout", "write 'timeouts: { body_stall: TIME }' in a listener or route"},
    {"client_header_timeout", "write 'timeouts: { head: TIME }' in a listener"},
    {"client_max_body_size", request_body},
    {"deny", a_filter},
    {"error_log", "the process's own log goes to stderr: --log-level, --log-format"},
    {"expires", a_filter},
    {"fail_timeout", a_health},
    {"frontend", a_listener},
    {"gzip", a_filter},
    {"health_check", a_health},
    {"http", "its parts stand at the top level: 'listeners', 'upstreams', 'routes'"},
    {"keepalive", needless},
    {"keepalive_timeout", "write 'timeouts: { client_idle: TIME }' in a listener"},
    {"limit_conn", a_filter},
    {"limit_req", a_filter},
    {"limitrequestbody", request_body},
    {"listen", "write it as the 'address' of a listener"},
    {"location", route_path},
    {"max_conns", "write 'max_connections' in an endpoint"},
    {"max_fails", a_health},
    {"maxconn",
     "write 'max_connections' in an endpoint, 'limits: { connections: N }' in a listener"},
    {"proxy_buffering", needless},
    {"proxy_cache", a_filter},
    {"proxy_connect_timeout", "write 'timeouts: { connect: TIME }' in an upstream"},
    {"proxy_hide_header", a_filter},
    {"proxy_http_version", needless},
    {"proxy_next_upstream", an_attempt},
    {"proxy_next_upstream_tries", an_attempt},
    {"proxy_pass", forward_to},
    {"proxy_read_timeout",
     "write 'timeouts: { response: TIME, stall: TIME }' in an upstream or route"},
    {"proxy_redirect", needless},
    {"proxy_send_timeout", "write 'timeouts: { send: TIME }' in an upstream or route"},
    {"proxy_set_header", a_filter},
    {"proxy_ssl_trusted_certificate", origin_transport},
    {"proxy_ssl_verify", origin_transport},
    {"proxypass", forward_to},
    {"proxypreservehost", needless},
    {"proxytimeout", "write 'timeouts: { response: TIME, stall: TIME }' in an upstream or route"},
    {"return", a_handler},
    {"rewrite", a_filter},
    {"root", a_handler},
    {"send_timeout", "write 'timeouts: { write_stall: TIME }' in a listener or route"},
    {"server",
     "write 'address' in a listener, 'match: { host: NAME }' in a route, or 'endpoints' "
     "in an upstream, whichever it was"},
    {"server_name", route_host},
    {"serveralias", route_host},
    {"servername", route_host},
    {"servers", endpoints},
    {"set_real_ip_from", a_filter},
    {"ssl", a_transport},
    {"ssl_certificate", a_transport},
    {"ssl_certificate_key", a_transport},
    {"sslcertificatefile", a_transport},
    {"sslcertificatekeyfile", a_transport},
    {"try_files", a_handler},
    {"virtualhost", "write its address under 'listeners', the rest in a route"},
    {"worker_processes", "write 'workers'"},
};
static_assert(std::is_sorted(std::begin(translations), std::end(translations),
                             [](auto& a, auto& b) { return a.word < b.word; }));

std::string with_article(std::string_view noun) {
    constexpr std::string_view vowels = "aeiou";
    return (vowels.find(noun[0]) != vowels.npos ? "an " : "a ") + std::string(noun);
}

// What an option holds, if that is a table of more: of a list and a map, their elements'.
const pk_option& held(const pk_option& o) {
    return o.type == PK_OPT_LIST || o.type == PK_OPT_MAP ? *o.element : o;
}

// "routes" at the top is "a route", "endpoints" in it "an endpoint of an upstream".
std::string place_of(const pk_option& o, const std::string& around) {
    std::string_view name = view(o.name);
    std::string place = in_quotes(name);
    if (o.type != PK_OPT_TABLE) {
        if (name.ends_with('s')) name.remove_suffix(1);
        place = with_article(name);
    }
    return around.empty() ? place : place + " of " + around;
}

using visitor = std::function<void(const pk_option& o, const std::string& place)>;

// Every option of the table and of what stands in it. `defaults` repeats what routes have.
void visit(const pk_option_table& table, const std::string& place, const visitor& each) {
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        each(o, place);
        const pk_option& inner = held(o);
        if (inner.type == PK_OPT_TABLE && view(o.name) != "defaults")
            visit(*inner.table, place_of(o, place), each);
    }
}

std::string one_or_another(const std::vector<std::string>& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i != 0) out += i + 1 == words.size() ? " or " : ", ";
        out += words[i];
    }
    return out;
}

std::string at_place(const std::string& place) {
    return place.empty() ? "at the top level" : "of " + place;
}

std::string found_within(const pk_option_table& table, std::string_view name, std::size_t depth) {
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        const pk_option& inner = held(o);
        if (inner.type != PK_OPT_TABLE || depth == nesting_max) continue;
        if (find_option(*inner.table, name) != nullptr) return std::string(view(o.name));
        const std::string deeper = found_within(*inner.table, name, depth + 1);
        if (!deeper.empty()) return std::string(view(o.name)) + '.' + deeper;
    }
    return {};
}

}  // namespace

std::string_view in_our_words(std::string_view word) {
    const std::string small = lower(word);
    const auto* const found =
        std::lower_bound(std::begin(translations), std::end(translations), small,
                         [](const translation& t, const std::string& w) { return t.word < w; });
    return found != std::end(translations) && found->word == small ? found->ours
                                                                   : std::string_view();
}

std::string option_elsewhere(std::string_view name) {
    std::vector<std::string> places;
    visit(kernel_options(), {}, [&](const pk_option& o, const std::string& place) {
        if (view(o.name) == name) places.push_back(at_place(place));
    });
    if (places.empty() || places.size() > places_max) return {};
    return in_quotes(name) + " is an option " + one_or_another(places);
}

std::string plugin_belongs(const std::vector<std::string>& points) {
    std::vector<std::string> places;
    visit(kernel_options(), {}, [&](const pk_option& o, const std::string& place) {
        const pk_option& inner = held(o);
        if (inner.type != PK_OPT_PLUGIN) return;
        if (std::find(points.begin(), points.end(), view(inner.point)) == points.end()) return;
        places.push_back(in_quotes(view(o.name)) + ' ' + at_place(place));
    });
    return places.empty() ? "" : "it is named under " + one_or_another(places);
}

std::string option_within(const pk_option_table& table, std::string_view name) {
    const std::string outer = found_within(table, name, 0);
    return outer.empty() ? "" : in_quotes(name) + " stands under " + in_quotes(outer);
}

}  // namespace pkernel::config

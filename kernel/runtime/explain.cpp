// The command `explain`: the very parser, reader and router of a worker, asked about one request.

#include <cstdio>

#include "kernel/base/arena.hpp"
#include "kernel/base/block.hpp"
#include "kernel/config/json_text.hpp"
#include "kernel/config/text.hpp"
#include "kernel/http/head.hpp"
#include "kernel/http/target.hpp"
#include "kernel/route/router.hpp"
#include "kernel/runtime/inspect.hpp"
#include "kernel/runtime/loading.hpp"
#include "kernel/runtime/report.hpp"

namespace pkernel::runtime {
namespace {

constexpr int usage_code = static_cast<int>(config::exit_class::usage);

// A URL without a scheme is a path of this machine.
std::string head_text(const std::string& method, const std::string& url) {
    const std::size_t host = url.find("://");
    const bool absolute = host != std::string::npos;
    const std::string authority =
        absolute ? url.substr(host + 3, url.find_first_of("/?#", host + 3) - host - 3)
                 : "localhost";
    const std::string target = url.substr(0, url.find('#'));
    return method + ' ' + target + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
}

constexpr std::uint32_t none = UINT32_MAX;

std::uint32_t listener_at(const config::model& conf, std::uint32_t port) {
    for (std::uint32_t i = 0; i < conf.listeners.size(); ++i)
        if (conf.listeners[i].address.port == port) return i;
    return none;
}

std::string scheme_of(std::string_view url) {
    return config::lower(url.substr(0, url.find("://")));
}

// The listener of the URL's port; where it says none, of its scheme's, else the first that is as
// secure as the scheme.
std::uint32_t choose_listener(const config::model& conf, const std::string& url,
                              std::uint32_t port) {
    const std::string scheme = scheme_of(url);
    const bool secure = scheme == "https";
    if (port != 0) {
        if (const auto found = listener_at(conf, port); found != none) return found;
    } else if (secure || scheme == "http") {
        if (const auto found = listener_at(conf, secure ? 443 : 80); found != none) return found;
    }
    for (std::uint32_t i = 0; i < conf.listeners.size(); ++i)
        if ((conf.listeners[i].transport != nullptr) == secure) return i;
    return 0;
}

std::string place_of(const config::position& at) {
    return std::string(at.file) + ':' + std::to_string(at.line) + ':' + std::to_string(at.column);
}

std::vector<std::string_view> names_of(const std::vector<config::use_ptr>& uses) {
    std::vector<std::string_view> out;
    for (const auto& each : uses) out.push_back(each->name);
    return out;
}

struct finding {
    const config::model& conf;
    const config::listener& listener;
    const config::route* route;  // Null: 404.
    std::uint32_t port;          // That the URL named; 0: none.

    bool secure;  // It said https.

    bool has_that_port() const noexcept { return port == 0 || listener.address.port == port; }

    const config::upstream* upstream() const {
        return route != nullptr && route->forward ? &conf.upstreams[*route->forward] : nullptr;
    }
};

std::string to_text(const finding& f) {
    std::string out = "listener  " + f.listener.name + " (" + f.listener.address.text + ")\n";
    if (!f.has_that_port())
        out += "note      no listener is at port " + std::to_string(f.port) +
               "; this is what another one does\n";
    else if (f.secure && f.listener.transport == nullptr)
        out +=
            "note      no listener there has a transport, as https wants; this is what one "
            "without does\n";
    if (f.route == nullptr) return out + "route     none: answered 404\n";
    out += "route     " + f.route->label + " (" + place_of(f.route->at) + ")\n";
    const auto filters = names_of(f.route->filters);
    if (!filters.empty()) out += "filters   " + config::joined(filters) + '\n';
    const auto protocols = names_of(f.route->upgrade);
    if (!protocols.empty()) out += "upgrade   " + config::joined(protocols) + '\n';
    if (const auto* to = f.upstream()) {
        out += "forward   " + to->name + ':';
        for (const auto& each : to->endpoints) out += ' ' + each.address.text;
        return out + '\n';
    }
    return out + "handler   " + f.route->handler->name + '\n';
}

std::string to_json(const finding& f) {
    config::json_text out;
    out.open_object().key("listener").text(f.listener.name);
    if (f.route == nullptr) return out.key("status").number(404).close().take();
    out.key("route").text(f.route->label).key("at").text(place_of(f.route->at));
    out.key("filters").open_list();
    for (const auto name : names_of(f.route->filters)) out.text(name);
    out.close().key("upgrade").open_list();
    for (const auto name : names_of(f.route->upgrade)) out.text(name);
    out.close();
    if (const auto* to = f.upstream()) {
        out.key("forward").text(to->name).key("endpoints").open_list();
        for (const auto& each : to->endpoints) out.text(each.address.text);
        out.close();
    } else {
        out.key("handler").text(f.route->handler->name);
    }
    return out.close().take();
}

route::router make_router(const config::model& conf, config::diagnostics& out) {
    std::vector<const config::route*> routes;
    std::vector<std::string> listeners;
    for (const auto& each : conf.routes) routes.push_back(&each);
    for (const auto& each : conf.listeners) listeners.push_back(each.name);
    return route::router::build(routes, listeners, out);
}

int bad_request(const http::parse_fault& fault) {
    std::fprintf(stderr, "pkernel: such a request is answered %u (%s)\n", unsigned{fault.status},
                 fault.cause);
    return usage_code;
}

}  // namespace

int explain_request(const command_line& line) {
    reading from(line);
    from.load();
    if (!from.conf) {
        show(from.problems);
        return from.exit_code();
    }
    const route::router router = make_router(*from.conf, from.problems);
    show(from.problems);

    base::block_pool blocks;
    base::arena arena(blocks);
    http::request_head head(arena);
    http::parse_fault fault;
    std::size_t consumed = 0;
    pk_request request{};
    const std::string text = head_text(line.arguments[0], line.arguments[1]);
    if (http::parse_request(text, 0, {}, head, &consumed, fault) != http::parse_result::complete ||
        !http::make_request(head, false, arena, request, fault))
        return bad_request(fault);

    const std::uint32_t listener =
        choose_listener(*from.conf, line.arguments[1], request.authority_port);
    const std::uint32_t found = router.find(request, head.headers, listener);
    const finding result{*from.conf, from.conf->listeners[listener],
                         found == route::router::none ? nullptr : &from.conf->routes[found],
                         request.authority_port, scheme_of(line.arguments[1]) == "https"};
    const std::string answer = line.json ? to_json(result) : to_text(result);
    std::fwrite(answer.data(), 1, answer.size(), stdout);
    return from.exit_code();
}

}  // namespace pkernel::runtime

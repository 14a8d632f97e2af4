#include "kernel/config/model_reader.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

// The route's own value of a key, else that of `defaults`.
const value& own_or_default(const value& own, const value& defaults, std::string_view name) {
    const value& mine = child(own, name);
    return given(mine) ? mine : child(defaults, name);
}

std::optional<nanoseconds> timeout(const value& route, const value& defaults,
                                   std::string_view name) {
    const value& v = own_or_default(child(route, "timeouts"), child(defaults, "timeouts"), name);
    if (!present(v)) return std::nullopt;
    return nanoseconds(v.integer);
}

const value& limit(const value& route, const value& defaults, std::string_view name) {
    return own_or_default(child(route, "limits"), child(defaults, "limits"), name);
}

}  // namespace

void model_reader::routes(const value& list, const value& defaults, model& m) {
    // First, so that the instances of `defaults` are theirs and not the first route's.
    for (const auto name : {"filters", "upgrade", "logs", "attempt"}) {
        use_list(child(defaults, name), "defaults");
    }
    use(child(defaults, "handler"), "defaults");
    if (given(child(defaults, "forward")) && given(child(defaults, "handler"))) {
        error(code::two_ends, child(defaults, "handler"),
              "'defaults' has both forward and handler; leave one out");
    }
    m.routes.reserve(list.count);
    for (std::uint32_t i = 0; i < list.count; ++i) route(element(list, i), defaults, i, m);
}

void model_reader::route(const value& v, const value& defaults, std::size_t index, model& m) {
    config::route r;
    r.at = position_of(v);
    r.label = '#' + std::to_string(index + 1);
    if (const value& name = child(v, "name"); present(name) && name_ok(view(name.text), name)) {
        r.name = view(name.text);
        r.label = r.name;
        const auto [first, is_new] = route_names_.emplace(r.name, position_of(name));
        if (!is_new) {
            error(code::duplicate_route, name, "a second route is named " + shown(name), {},
                  "the first one is in line " + std::to_string(first->second.line));
        }
    }
    r.match = match(child(v, "match"), m);
    chain(v, defaults, r);
    end(v, defaults, r, m);
    if (const value& upgrade = child(v, "upgrade"); given(upgrade) && r.handler) {
        error(code::upgrade_of_handler, upgrade,
              "route " + in_quotes(r.label) +
                  " answers by a handler; 'upgrade' is for routes that forward");
    }
    r.timeouts = {timeout(v, defaults, "send"),        timeout(v, defaults, "response"),
                  timeout(v, defaults, "stall"),       timeout(v, defaults, "body_stall"),
                  timeout(v, defaults, "write_stall"), timeout(v, defaults, "tunnel_idle")};
    const value& body = limit(v, defaults, "request_body");
    r.limits.request_body = static_cast<std::uint64_t>(body.integer);
    if (given(body)) r.limits.request_body_at = position_of(body);
    r.limits.collect = static_cast<std::uint64_t>(limit(v, defaults, "collect").integer);
    r.limits.spill = static_cast<std::uint64_t>(limit(v, defaults, "spill").integer);
    m.routes.push_back(std::move(r));
}

void model_reader::chain(const value& v, const value& defaults, config::route& r) {
    const std::string owner = "route " + (r.name.empty() ? r.match.canonical : r.name);
    r.filters = use_list(child(defaults, "filters"), owner);
    for (auto& u : use_list(child(v, "filters"), owner)) r.filters.push_back(std::move(u));
    r.upgrade = use_list(own_or_default(v, defaults, "upgrade"), owner);
    r.logs = use_list(own_or_default(v, defaults, "logs"), owner);
    r.attempt = use_list(own_or_default(v, defaults, "attempt"), owner);
    r.handler = use(child(v, "handler"), owner);
}

void model_reader::end(const value& v, const value& defaults, config::route& r, const model& m) {
    const value& to = child(v, "forward");
    const value& handler = child(v, "handler");
    if (given(to) && given(handler)) {
        error(code::two_ends, handler,
              "route " + in_quotes(r.label) + " has both forward and handler; leave one out");
        return;
    }
    if (given(to)) return forward(to, r, m);
    if (given(handler)) return;
    if (given(child(defaults, "forward"))) return forward(child(defaults, "forward"), r, m);
    if (given(child(defaults, "handler"))) {
        r.handler = use(child(defaults, "handler"), "defaults");
        return;
    }
    if (v.type != PK_OPT_TABLE || v.flawed) return;  // What is missing may be misspelt.
    std::vector<std::string_view> names;
    for (const auto& u : m.upstreams) names.push_back(u.name);
    error(code::no_end, v,
          "route " + in_quotes(r.label) + " leads nowhere; write 'forward: " +
              (names.size() == 1 ? std::string(names[0]) : "NAME") + "' or 'handler: PLUGIN'",
          {}, names.empty() ? "" : "upstreams here: " + joined(names));
}

void model_reader::forward(const value& v, config::route& r, const model& m) {
    if (!present(v)) return;
    const auto found = upstream_index_.find(view(v.text));
    if (found != upstream_index_.end()) {
        r.forward = found->second;
        return;
    }
    std::vector<std::string_view> names;
    for (const auto& u : m.upstreams) names.push_back(u.name);
    const bool url = v.raw.empty() && view(v.text).find_first_of(":/") != std::string_view::npos;
    std::string note =
        names.empty() ? "there are no upstreams" : "upstreams here: " + joined(names);
    if (url) note = "name an upstream, and write the address under its endpoints";
    error(code::unknown_upstream, v, "there is no upstream " + shown(v),
          !v.raw.empty() ? "" : did_you_mean(nearest(view(v.text), names)), std::move(note));
}

}  // namespace pkernel::config

#include <algorithm>

#include "kernel/config/endpoint_address.hpp"
#include "kernel/config/model_reader.hpp"
#include "kernel/config/scalar.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

// What is wrong with a host pattern, after "host 'x' "; empty when nothing is.
std::string host_problem(std::string_view text) {
    if (text == "*") return "is every host; leave 'host' out for that";
    if (text.find("://") != std::string_view::npos) return "holds a scheme; write the name alone";
    if (text.starts_with('[') && text.ends_with(']')) {
        const bool ok = parse_ip(text.substr(1, text.size() - 2)).family == 6;
        return ok ? "" : "is not an IPv6 address";
    }
    if (text.find(':') != std::string_view::npos) {
        return "holds a port; write the name alone, and 'listener' to tell ports apart";
    }
    if (text.find('/') != std::string_view::npos) return "holds a path; write it under 'path'";
    if (text.starts_with("*.")) text.remove_prefix(2);
    if (text.find('*') != std::string_view::npos) {
        return "is not a pattern; a * stands only at the front, as in *.example.com";
    }
    return is_host_name(text) ? "" : "is not a host name";
}

std::string path_problem(std::string_view text) {
    if (!text.starts_with('/')) return "does not begin with '/'";
    if (text.find('?') != std::string_view::npos) return "holds a query; write it under 'query'";
    if (text.find_first_of("*#") != std::string_view::npos) {
        return "holds * or #; a path is a prefix already, and patterns are not known";
    }
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '\\';
    });
    if (!plain) return "holds white space, control characters or '\\'";
    for (std::size_t at = 0; at != std::string_view::npos; at = text.find('/', at + 1)) {
        std::string_view segment = text.substr(at + 1);
        segment = segment.substr(0, segment.find('/'));
        if (segment == "." || segment == "..") return "holds dot segments, which never remain";
    }
    if (text.find("//") != std::string_view::npos) return "holds an empty segment";
    return {};
}

std::string canonical_conditions(std::string_view label, std::vector<name_match> list) {
    std::vector<std::string> parts;
    for (const auto& c : list) {
        parts.push_back(c.name + (c.value ? '=' + *c.value : c.present ? "" : "!"));
    }
    std::sort(parts.begin(), parts.end());
    std::string out;
    for (const auto& p : parts) out += ' ' + std::string(label) + '[' + p + ']';
    return out;
}

std::string canonical(const match& m) {
    std::string out = m.listener ? " listener[" + *m.listener + ']' : "";
    std::vector<std::string> hosts;
    for (const auto& h : m.hosts) hosts.push_back((h.suffix ? "*." : "") + h.text);
    std::sort(hosts.begin(), hosts.end());
    for (const auto& h : hosts) out += " host[" + h + ']';
    if (m.path_is != path_kind::none) {
        out += (m.path_is == path_kind::exact ? " exact[" : " path[") + m.path + ']';
    }
    std::vector<std::string> methods = m.methods;
    std::sort(methods.begin(), methods.end());
    for (const auto& x : methods) out += " method[" + x + ']';
    out += canonical_conditions("header", m.headers) + canonical_conditions("query", m.query);
    return out.empty() ? "any" : out.substr(1);
}

}  // namespace

match model_reader::match(const value& v, const model& m) {
    config::match out;
    out.at = position_of(v);
    if (const value& listener = child(v, "listener"); present(listener)) {
        match_listener(listener, out, m);
    }
    hosts(child(v, "host"), out);
    path(child(v, "path"), out);
    methods(child(v, "method"), out);
    out.headers = conditions(child(v, "header"), true);
    out.query = conditions(child(v, "query"), false);
    out.canonical = canonical(out);
    return out;
}

void model_reader::match_listener(const value& v, config::match& out, const model& m) {
    out.listener = view(v.text);
    std::vector<std::string_view> names;
    for (const auto& l : m.listeners) names.push_back(l.name);
    if (std::find(names.begin(), names.end(), *out.listener) != names.end()) return;
    error(code::unknown_listener, v, "there is no listener " + shown(v),
          !v.raw.empty() ? "" : did_you_mean(nearest(view(v.text), names)),
          names.empty() ? "" : "listeners here: " + joined(names));
}

void model_reader::hosts(const value& list, config::match& out) {
    for (std::uint32_t i = 0; i < list.count; ++i) {
        const value& v = element(list, i);
        if (!present(v)) continue;
        const std::string text = lower(view(v.text));
        const std::string problem = host_problem(text);
        if (!problem.empty()) {
            error(code::bad_host, v, "host " + shown(v) + ' ' + problem);
            continue;
        }
        const bool suffix = text.starts_with("*.");
        out.hosts.push_back({suffix ? text.substr(2) : text, suffix});
    }
}

void model_reader::path(const value& v, config::match& out) {
    const value& prefix = child(v, "prefix");
    const value& exact = child(v, "exact");
    if (!given(v)) return;
    if (given(prefix) == given(exact)) {
        if (v.type == PK_OPT_TABLE) {
            error(code::bad_match, v, "'path' is a prefix such as /api, or { exact: /path }");
        }
        return;
    }
    const value& text = given(exact) ? exact : prefix;
    if (!present(text)) return;
    out.path_is = given(exact) ? path_kind::exact : path_kind::prefix;
    out.path = view(text.text);
    out.path_at = position_of(text);
    const std::string problem = path_problem(out.path);
    if (!problem.empty()) error(code::bad_match, text, "path " + shown(text) + ' ' + problem);
}

void model_reader::methods(const value& list, config::match& out) {
    for (std::uint32_t i = 0; i < list.count; ++i) {
        const value& v = element(list, i);
        if (!present(v)) continue;
        const std::string_view text = view(v.text);
        if (!is_token(text)) {
            error(code::bad_match, v, "method " + shown(v) + " is not a method, such as GET");
            continue;
        }
        const std::string small = lower(text);
        for (const auto known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
            if (text == known || small != lower(known)) continue;
            error(code::bad_match, v, "method " + shown(v) + " never comes; write " + known);
        }
        out.methods.emplace_back(text);
    }
}

std::vector<name_match> model_reader::conditions(const value& map, bool fields) {
    std::vector<name_match> out;
    for (std::uint32_t i = 0; i < map.count; ++i) {
        const value& v = element(map, i);
        name_match c;
        c.at = position_of(v);
        c.name = fields ? lower(view(v.key)) : std::string(view(v.key));
        if (fields ? !is_token(c.name) : c.name.empty()) {
            error(code::bad_match, v,
                  in_quotes(view(v.key)) + " is not the name of a " +
                      (fields ? "field" : "parameter"));
        }
        const value& text = child(v, "value");
        const value& is_there = child(v, "present");
        if (present(text)) c.value = view(text.text);
        if (present(is_there)) c.present = is_there.integer != 0;
        if (v.type == PK_OPT_TABLE && given(text) == given(is_there)) {
            error(code::bad_match, v,
                  in_quotes(view(v.key)) +
                      " takes a value, or { present: true } or "
                      "{ present: false }");
        }
        out.push_back(std::move(c));
    }
    return out;
}

}  // namespace pkernel::config

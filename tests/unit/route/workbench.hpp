// Routes and requests in a line each.
//
//   route("host=a.example,*.b path=/api method=GET header=x-a:1 query=k:v listener=1")
//
// `path=` is a prefix, `exact=` one path; `header=n` and `header=!n` ask for presence and absence.

#pragma once

#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "kernel/http/target.hpp"
#include "kernel/route/router.hpp"

namespace pkernel::route::testing {

inline std::vector<std::string> split(const std::string& text, char by) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, by);)
        if (!part.empty()) out.push_back(part);
    return out;
}

inline config::name_match condition(const std::string& text) {
    config::name_match out;
    const auto colon = text.find(':');
    out.present = text[0] != '!';
    out.name = text.substr(out.present ? 0 : 1, colon);
    if (colon != std::string::npos) out.value = text.substr(colon + 1);
    return out;
}

inline void read_key(config::match& to, const std::string& key, const std::string& value) {
    if (key == "listener") to.listener = value;
    if (key == "method") to.methods = split(value, ',');
    if (key == "header") to.headers.push_back(condition(value));
    if (key == "query") to.query.push_back(condition(value));
    if (key == "path" || key == "exact") {
        to.path_is = key == "path" ? config::path_kind::prefix : config::path_kind::exact;
        to.path = value;
    }
    if (key != "host") return;
    for (const auto& host : split(value, ',')) {
        const bool suffix = host.starts_with("*.");
        to.hosts.push_back({suffix ? host.substr(2) : host, suffix});
    }
}

// A router over routes in text; warnings and errors in `said`.
struct table {
    explicit table(const std::vector<std::string>& lines) {
        for (std::size_t i = 0; i < lines.size(); ++i) {
            auto one = std::make_unique<config::route>();
            one->label = "routes[" + std::to_string(i) + "]";
            one->match.at = {"t.yaml", static_cast<std::uint32_t>(i + 1), 1, 0};
            one->match.path_at = one->match.at;
            for (const auto& word : split(lines[i], ' ')) {
                const auto equals = word.find('=');
                read_key(one->match, word.substr(0, equals), word.substr(equals + 1));
            }
            for (auto& each : one->match.headers) each.at = one->match.at;
            routes.push_back(one.get());
            owned.push_back(std::move(one));
        }
        made = std::make_unique<router>(router::build(routes, {"0", "1", "2"}, said));
    }

    std::vector<std::string> messages() const {
        std::vector<std::string> out;
        for (const auto& each : said.sorted())
            out.push_back(std::to_string(each.at.line) + ": " + each.message);
        return out;
    }

    std::vector<std::unique_ptr<config::route>> owned;
    std::vector<const config::route*> routes;
    config::diagnostics said;
    std::unique_ptr<router> made;
};

// "GET host/path?query", then fields "name: value"; read as the codec reads it.
struct request {
    explicit request(const std::string& line, const std::vector<std::string>& field_lines = {},
                     std::uint32_t at_listener = 0)
        : listener(at_listener) {
        const auto blank = line.find(' ');
        const auto slash = line.find('/', blank);
        const auto mark = line.find('?', slash);
        head.method = keep(line.substr(0, blank));
        head.method_id = http::method_id(http::to_view(head.method));
        head.host = keep(line.substr(blank + 1, slash - blank - 1));
        head.path = keep(line.substr(slash, mark - slash));
        head.query = keep(mark == std::string::npos ? "" : line.substr(mark + 1));
        http::path_reading reading;
        readable = http::read_path(http::to_view(head.path), arena, reading);
        head.path_normal = http::to_str(reading.normal);
        for (const auto& each : field_lines) {
            const auto colon = each.find(':');
            const auto name = http::to_view(keep(each.substr(0, colon)));
            fields.append(name, http::to_view(keep(each.substr(colon + 2))));
        }
    }

    // The index of the route in `of`, or -1.
    int in(const table& of, search_cost* cost = nullptr) const {
        search_cost here;
        const auto found = of.made->find(head, fields, listener, cost ? *cost : here);
        return found == router::none ? -1 : static_cast<int>(found);
    }

    pk_str keep(std::string text) { return http::to_str(texts.emplace_back(std::move(text))); }

    std::deque<std::string> texts;
    base::block_pool blocks;
    base::arena arena{blocks};
    pk_request head{};
    http::fields fields{arena};
    std::uint32_t listener;
    bool readable = false;
};

}  // namespace pkernel::route::testing

// Values that do not belong in a log.

#pragma once

#include <pkernel/text.hpp>

#include <string>
#include <vector>

namespace access_log {

inline constexpr std::string_view redacted = "[redacted]";

// Fields whose values are credentials whoever sends them.
constexpr bool is_credential(std::string_view name) {
    for (std::string_view secret :
         {"authorization", "proxy-authorization", "cookie", "set-cookie"}) {
        if (pk::same_token(name, secret)) return true;
    }
    return false;
}

// Names of query parameters, matched as an application would read them: %74oken is token.
class query_names {
public:
    explicit query_names(const std::vector<std::string_view>& names) : names_(names) {}

    bool empty() const { return names_.empty(); }

    // Appends `query` with the values of the listed names replaced.
    void append(std::string& out, std::string_view query) const {
        while (true) {
            const auto end = std::min(query.find('&'), query.size());
            const std::string_view pair = query.substr(0, end);
            const auto equals = pair.find('=');
            if (equals != std::string_view::npos && listed(pair.substr(0, equals))) {
                out.append(pair.substr(0, equals + 1)).append(redacted);
            } else {
                out.append(pair);
            }
            if (end == query.size()) return;
            out += '&';
            query.remove_prefix(end + 1);
        }
    }

    // The same for a whole URL (Referer), whose query begins at '?'.
    void append_url(std::string& out, std::string_view url) const {
        const auto question = url.find('?');
        out.append(url.substr(0, question));
        if (question == std::string_view::npos) return;
        const auto fragment = std::min(url.find('#', question), url.size());
        out += '?';
        append(out, url.substr(question + 1, fragment - question - 1));
        out.append(url.substr(fragment));
    }

private:
    static int hex(char c) {
        if (c >= '0' && c <= '9') return c - '0';
        c = pk::lower(c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    }

    bool listed(std::string_view raw) const {
        for (std::string_view name : names_) {
            if (decodes_to(raw, name)) return true;
        }
        return false;
    }

    static bool decodes_to(std::string_view raw, std::string_view name) {
        for (std::size_t i = 0; i < raw.size(); ++i) {
            char c = raw[i] == '+' ? ' ' : raw[i];
            if (c == '%' && i + 2 < raw.size() && hex(raw[i + 1]) >= 0 && hex(raw[i + 2]) >= 0) {
                c = static_cast<char>(hex(raw[i + 1]) * 16 + hex(raw[i + 2]));
                i += 2;
            }
            if (name.empty() || name[0] != c) return false;
            name.remove_prefix(1);
        }
        return name.empty();
    }

    const std::vector<std::string_view> names_;
};

}  // namespace access_log

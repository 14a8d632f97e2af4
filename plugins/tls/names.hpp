// From a host name to a number: exact names before wildcards, nearer ones before those above.
//
// *.example.com is for all names below example.com, as it is in a route's `host`: whoever asks for
// x.y.example.com must not get past what is asked of the clients of that domain.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tls {

class name_table {
public:
    // A name that is there keeps its number.
    void add(std::string name, std::uint32_t number) {
        auto& those = name.starts_with("*.") ? wildcards_ : exact_;
        if (name.starts_with("*.")) name.erase(0, 1);
        those.emplace(std::move(name), number);
    }

    // `name` in lower case.
    std::optional<std::uint32_t> find(std::string_view name) const {
        if (const auto found = at(exact_, name)) return found;
        std::optional<std::uint32_t> nearest;
        each_above(name, [&](std::uint32_t number) {
            nearest = number;
            return true;
        });
        return nearest;
    }
    // The numbers of the wildcards that cover a name, or that are that name, from the nearest up,
    // until `f` answers true.
    template <class F>
    void each_above(std::string_view name, F f) const {
        for (auto dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
            const auto found = at(wildcards_, name.substr(dot));
            if (found && f(*found)) return;
        }
    }

private:
    struct hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using table = std::unordered_map<std::string, std::uint32_t, hash, std::equal_to<>>;

    static std::optional<std::uint32_t> at(const table& t, std::string_view name) {
        const auto found = t.find(name);
        if (found == t.end()) return {};
        return found->second;
    }

    table exact_;
    table wildcards_;  // By what follows the star.
};

}  // namespace tls

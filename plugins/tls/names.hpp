// From a host name to a number: exact names before wildcards of one label, *.example.com.

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
        return covering(name);
    }
    // The number of the wildcard that covers an exact name.
    std::optional<std::uint32_t> covering(std::string_view name) const {
        const auto dot = name.find('.');
        if (dot == 0 || dot == std::string_view::npos) return {};
        return at(wildcards_, name.substr(dot));
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

#include "kernel/config/option_table.hpp"

#include <algorithm>

#include "kernel/config/text.hpp"
#include "kernel/config/value.hpp"

namespace pkernel::config {

namespace {

bool is_option_name(std::string_view name) {
    return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

// `open`: the tables around this one. One that holds itself is judged once.
std::string problem_of(const pk_option_table& table, std::vector<const pk_option_table*>& open);

std::string problem_of(const pk_option& o, std::vector<const pk_option_table*>& open,
                       std::size_t depth) {
    if (depth > table_depth_max) return "is nested too deep";
    switch (o.type) {
        case PK_OPT_LIST:
        case PK_OPT_MAP:
            return o.element == nullptr ? "has no element"
                                        : problem_of(*o.element, open, depth + 1);
        case PK_OPT_TABLE:
            return o.table == nullptr ? "has no table" : problem_of(*o.table, open);
        case PK_OPT_ENUM:
            return o.choices == nullptr || o.choice_count == 0 ? "has no choices" : "";
        case PK_OPT_PLUGIN:
            return o.point.size == 0 ? "names no extension point" : "";
        default:
            return o.type == PK_OPT_NONE || o.type > PK_OPT_FIELD_VALUE
                       ? "has the type " + std::to_string(o.type) +
                             ", which this kernel does not know"
                       : "";
    }
}

std::string problem_of(const pk_option_table& table, std::vector<const pk_option_table*>& open) {
    if (std::find(open.begin(), open.end(), &table) != open.end()) return {};
    if (open.size() > table_depth_max) return "tables are nested too deep";
    if (table.size < sizeof(pk_option_table) || table.stride < sizeof(pk_option) ||
        (table.count != 0 && table.first == nullptr)) {
        return "the table is malformed";
    }
    open.push_back(&table);
    std::string out;
    std::size_t mains = 0;
    for (std::uint32_t i = 0; i < table.count && out.empty(); ++i) {
        const pk_option& o = option_at(table, i);
        if (!is_option_name(view(o.name))) {
            out = in_quotes(view(o.name)) + " is not a name for an option";
        } else if (find_option(table, view(o.name)) != &o) {
            out = in_quotes(view(o.name)) + " is declared twice";
        } else if (const auto why = problem_of(o, open, 0); !why.empty()) {
            out = in_quotes(view(o.name)) + ' ' + why;
        }
        mains += has(o, PK_OPTION_MAIN) ? 1 : 0;
    }
    if (out.empty() && mains > 1) out = "two options are the main one";
    open.pop_back();
    return out;
}

}  // namespace

const pk_option& option_at(const pk_option_table& table, std::uint32_t index) {
    const auto* bytes = reinterpret_cast<const char*>(table.first);
    return *reinterpret_cast<const pk_option*>(bytes + std::size_t{index} * table.stride);
}

const pk_option* find_option(const pk_option_table& table, std::string_view name) {
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        if (view(o.name) == name) return &o;
    }
    return nullptr;
}

const pk_option* main_option(const pk_option_table& table) {
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        if (has(o, PK_OPTION_MAIN)) return &o;
    }
    return nullptr;
}

std::vector<std::string_view> option_names(const pk_option_table& table) {
    std::vector<std::string_view> out;
    for (std::uint32_t i = 0; i < table.count; ++i) out.push_back(view(option_at(table, i).name));
    return out;
}

std::vector<std::string_view> choices_of(const pk_option& enumeration) {
    std::vector<std::string_view> out;
    for (std::uint32_t i = 0; i < enumeration.choice_count; ++i) {
        out.push_back(view(enumeration.choices[i]));
    }
    return out;
}

bool is_scalar(std::uint32_t type) {
    return type != PK_OPT_LIST && type != PK_OPT_MAP && type != PK_OPT_TABLE;
}

std::string type_name(const pk_option& o, bool plural) {
    struct words {
        std::string_view one;
        std::string_view many;
    };
    static constexpr words names[] = {{"nothing", "nothing"},
                                      {"true or false", "true or false"},
                                      {"whole number", "whole numbers"},
                                      {"text", "texts"},
                                      {"size", "sizes"},
                                      {"duration", "durations"},
                                      {"rate", "rates"},
                                      {"address", "addresses"},
                                      {"network", "networks"},
                                      {"path", "paths"},
                                      {"file", "files"},
                                      {"field name", "field names"},
                                      {"status", "statuses"},
                                      {"choice", "choices"},
                                      {"list", "lists"},
                                      {"map", "maps"},
                                      {"options", "options"},
                                      {"plugin", "plugins"},
                                      {"field value", "field values"}};
    if (o.type >= std::size(names)) return "value";
    if (o.type == PK_OPT_ENUM) {
        std::string out;
        for (const auto choice : choices_of(o)) {
            out += (out.empty() ? "" : " | ") + std::string(choice);
        }
        return out;
    }
    std::string out(plural ? names[o.type].many : names[o.type].one);
    if (o.type == PK_OPT_LIST || o.type == PK_OPT_MAP) out += " of " + type_name(*o.element, true);
    return out;
}

std::string table_problem(const pk_option_table& table) {
    std::vector<const pk_option_table*> open;
    return problem_of(table, open);
}

}  // namespace pkernel::config

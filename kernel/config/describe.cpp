#include "kernel/config/describe.hpp"

#include <algorithm>

#include "kernel/config/kernel_options.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/scalar.hpp"
#include "kernel/config/text.hpp"
#include "kernel/config/value.hpp"

namespace pkernel::config {

namespace {

constexpr std::size_t column_max = 44;

struct row {
    std::string name;  // "timeouts.head", "endpoints[].weight"
    std::string type;
    std::string extent;  // "at least 1, required"
    std::string initial;
    std::string doc;
};

std::string bound(const pk_option& o, std::int64_t number) {
    if (o.type == PK_OPT_SIZE) return size_text(number);
    if (o.type == PK_OPT_DURATION) return duration_text(number);
    return std::to_string(number);
}

std::string extent_of(const pk_option& o) {
    const pk_option& inner = is_scalar(o.type) || o.type == PK_OPT_TABLE ? o : *o.element;
    std::string out;
    const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
    if (inner.type == PK_OPT_PLUGIN) add("point " + std::string(view(inner.point)));
    if (has(o, PK_OPTION_REQUIRED)) add("required");
    // A bound that only keeps a number within its type is not worth a word.
    const bool low = has(o, PK_OPTION_HAS_MIN) && o.min != 0;
    const bool high = has(o, PK_OPTION_HAS_MAX) && o.max != UINT32_MAX;
    if (high && has(o, PK_OPTION_HAS_MIN)) {
        add(bound(o, o.min) + " to " + bound(o, o.max));
    } else if (low || high) {
        add(low ? "at least " + bound(o, o.min) : "at most " + bound(o, o.max));
    }
    if (has(o, PK_OPTION_NOT_EMPTY)) add("not empty");
    if (has(o, PK_OPTION_SECRET)) add("secret");
    return out;
}

// Nested tables are shown behind the option that holds them, but for those in `open`: one that
// holds itself would be shown for ever, and some have a page of their own.
void collect(const pk_option_table& table, const std::string& prefix,
             std::vector<const pk_option_table*>& open, std::vector<row>& out) {
    open.push_back(&table);
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        row r{prefix + std::string(view(o.name)), type_name(o), extent_of(o),
              std::string(view(o.default_text)), std::string(view(o.doc))};
        if (o.since.size != 0) r.doc += " Since " + std::string(view(o.since)) + '.';
        const std::string name = r.name;
        out.push_back(std::move(r));
        const bool parts = o.type == PK_OPT_LIST || o.type == PK_OPT_MAP;
        const pk_option& inner = parts ? *o.element : o;
        if (inner.type != PK_OPT_TABLE) continue;
        if (std::find(open.begin(), open.end(), inner.table) != open.end()) continue;
        const char* joint = o.type == PK_OPT_LIST ? "[]." : o.type == PK_OPT_MAP ? ".*." : ".";
        collect(*inner.table, name + joint, open, out);
    }
    open.pop_back();
}

std::string cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
        text.insert(at, 1, '\\');
    }
    return text;
}

std::string as_markdown(const std::vector<row>& rows) {
    std::string out = "| Option | Type | Default | |\n|---|---|---|---|\n";
    for (const row& r : rows) {
        const std::string type = r.type + (r.extent.empty() ? "" : ", " + r.extent);
        out += "| `" + r.name + "` | " + cell(type) + " | " +
               (r.initial.empty() ? "" : "`" + cell(r.initial) + "`") + " | " + cell(r.doc) +
               " |\n";
    }
    return out;
}

std::string as_text(const std::vector<row>& rows) {
    std::vector<std::string> middles;
    std::size_t names = 0;
    std::size_t types = 0;
    for (const row& r : rows) {
        std::string middle = r.type + (r.extent.empty() ? "" : ", " + r.extent) +
                             (r.initial.empty() ? "" : ", default " + r.initial);
        names = std::max(names, r.name.size());
        if (middle.size() <= column_max) types = std::max(types, middle.size());
        middles.push_back(std::move(middle));
    }
    std::string out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out += rows[i].name + std::string(names - rows[i].name.size() + 2, ' ') + middles[i];
        if (middles[i].size() > types) {
            out += '\n' + std::string(names + 2 + types + 2, ' ');
        } else {
            out += std::string(types - middles[i].size() + 2, ' ');
        }
        out += rows[i].doc + '\n';
    }
    return out;
}

std::string page_of(const pk_option_table& table, page form,
                    std::vector<const pk_option_table*> elsewhere = {}) {
    if (table.count == 0) return "It takes no options.\n";
    std::vector<row> rows;
    collect(table, "", elsewhere, rows);
    std::string out = form == page::markdown ? as_markdown(rows) : as_text(rows);
    if (const pk_option* main = main_option(table)) {
        out += "\nA bare value stands for '" + std::string(view(main->name)) + "'.\n";
    }
    return out;
}

struct section {
    std::string_view name;
    std::string_view option;  // Of the root.
};

constexpr section sections[] = {{"listener", "listeners"},
                                {"upstream", "upstreams"},
                                {"route", "routes"},
                                {"defaults", "defaults"}};

}  // namespace

std::string describe(const pk_option_table* table, page form) {
    return table == nullptr ? "It takes no options.\n" : page_of(*table, form);
}

std::optional<std::string> describe_section(std::string_view name, page form) {
    std::vector<const pk_option_table*> all;
    for (const section& s : sections) {
        const pk_option& o = *find_option(kernel_options(), s.option);
        all.push_back(o.element != nullptr ? o.element->table : o.table);
        if (s.name == name) return page_of(*all.back(), form);
    }
    if (name == "config") return page_of(kernel_options(), form, std::move(all));
    return std::nullopt;
}

std::vector<std::string_view> section_names() {
    std::vector<std::string_view> out{"config"};
    for (const section& s : sections) out.push_back(s.name);
    return out;
}

}  // namespace pkernel::config

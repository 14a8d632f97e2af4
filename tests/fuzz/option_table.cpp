// A plugin's option table, made of the input, and a config text for it: a bad table is told, a good
// one is read without a crash, and what was read without an error keeps to the table's bounds.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_check.hpp"
#include "kernel/config/describe.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/reader.hpp"
#include "kernel/config/render.hpp"
#include "kernel/config/schema.hpp"
#include "kernel/config/yaml.hpp"
#include "tests/fuzz/libfyaml_leak.hpp"
#include "tests/unit/config/fake_plugins.hpp"

using namespace pkernel::config;

namespace {

constexpr std::string_view names[] = {"a", "b", "long_name", "c1", "", "Bad", "x-y", "_"};
constexpr std::string_view defaults[] = {"",    "10", "10s", "64KiB",      "true", "[]", "[a, b]",
                                         "1/s", "on", "{}",  "10.0.0.0/8", "200",  "[",  "respond"};
const pk_str words[] = {{"on", 2}, {"off", 3}, {"", 0}};
constexpr std::size_t options_max = 6;
constexpr std::size_t depth_max = 3;

pk_str lend(std::string_view s) {
    return {s.data(), s.size()};
}

struct maker {
    std::string_view rest;
    std::deque<std::vector<pk_option>> lists{};
    std::deque<pk_option_table> tables{};

    unsigned byte() {
        if (rest.empty()) return 0;
        const auto b = static_cast<unsigned char>(rest[0]);
        rest.remove_prefix(1);
        return b;
    }

    pk_option option(std::size_t depth) {
        pk_option o{};
        o.name = lend(names[byte() % std::size(names)]);
        o.type = byte() % 20;
        o.flags = byte() & 63;
        o.default_text = lend(defaults[byte() % std::size(defaults)]);
        o.doc = lend("A doc.");
        o.min = static_cast<std::int8_t>(byte());
        o.max = std::int64_t{1} << byte() % 62;
        o.point = lend(byte() % 4 ? "pk.http_filter/1" : "");
        if (byte() % 8) {
            o.choices = words;
            o.choice_count = byte() % 4;
            if (o.choice_count == 3 && byte() % 2) o.choice_count = 2;
        }
        if (depth < depth_max && byte() % 4) {
            if (o.type == PK_OPT_LIST || o.type == PK_OPT_MAP)
                o.element = &lists.emplace_back(1, option(depth + 1)).front();
            if (o.type == PK_OPT_TABLE) o.table = table(depth + 1);
        }
        return o;
    }

    const pk_option_table* table(std::size_t depth) {
        std::vector<pk_option> all(byte() % options_max);
        for (auto& o : all) o = option(depth);
        const auto& kept = lists.emplace_back(std::move(all));
        pk_option_table t{};
        t.size = sizeof t;
        t.stride = byte() % 16 ? sizeof(pk_option) : byte();
        t.first = kept.data();
        t.count = t.stride == sizeof(pk_option) ? static_cast<std::uint32_t>(kept.size()) : 0;
        return &tables.emplace_back(t);
    }
};

void check_bounds(const value& v, const pk_option& o) {
    const bool number = o.type == PK_OPT_INTEGER || o.type == PK_OPT_SIZE ||
                        o.type == PK_OPT_DURATION || o.type == PK_OPT_STATUS;
    if (number && v.type == o.type) {
        FUZZ_CHECK(!has(o, PK_OPTION_HAS_MIN) || v.integer >= o.min);
        FUZZ_CHECK(!has(o, PK_OPTION_HAS_MAX) || v.integer <= o.max);
    }
}

// Options that say nothing may be left out of what the kernel reads for itself; the others stand in
// the order of the table, each once.
void check_children(const value& read, const pk_option_table& table) {
    std::uint32_t at = 0;
    for (std::uint32_t i = 0; i < read.count; ++i) {
        const auto* given = element(read, i).option;
        while (at < table.count && &option_at(table, at) != given) ++at;
        FUZZ_CHECK(at++ < table.count);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    maker from{{reinterpret_cast<const char*>(data), size}};
    const pk_option_table& table = *from.table(0);
    const std::string problem = table_problem(table);
    if (!problem.empty()) return 0;
    // A table that was judged good can be told of, in every form.
    FUZZ_CHECK(!describe(&table, page::terminal).empty() || table.count == 0);
    const plugin_entry entry{"fuzzed", "pk.http_filter/1", "", &table};
    FUZZ_CHECK(!json_schema({&entry, 1}).empty());

    testing::fake_plugins plugins;
    testing::fake_outside outside;
    diagnostics out;
    const auto tree = parse_yaml(from.rest, "a.yaml", out);
    if (!tree || tree->kind != node_kind::map) return 0;
    value_arena memory;
    option_reader reader(plugins, outside, out);
    const value* read = reader.read_table(*tree, table, "plugin 'fuzzed'", memory);
    FUZZ_CHECK(read != nullptr);
    check_children(*read, table);
    if (out.errors() == 0) {
        for (std::uint32_t i = 0; i < table.count; ++i) {
            const pk_option& o = option_at(table, i);
            check_bounds(child(*read, view(o.name)), o);
        }
    }
    FUZZ_CHECK(!to_json(out).empty());
    return 0;
}

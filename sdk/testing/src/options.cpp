#include <pkernel/testing/options.hpp>
#include <pkernel/text.hpp>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pk::testing {
namespace {

const pk_option& option_at(const pk_option_table& table, std::uint32_t i) {
    const auto* first = reinterpret_cast<const char*>(table.first);
    return *reinterpret_cast<const pk_option*>(first + std::size_t{table.stride} * i);
}

std::string file_bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// What was given for the bare value stands under the table's main option.
flow under_main(const pk_option_table& table, const flow& bare) {
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        if ((o.flags & PK_OPTION_MAIN) == 0) continue;
        flow f;
        f.what = flow::kind::map;
        f.keys = {std::string(view(o.name))};
        f.items = {bare};
        return f;
    }
    throw std::runtime_error("options are needed, by name");
}

}  // namespace

option_tree::option_tree(const pk_option_table* table, std::string_view text,
                         const std::map<std::string, const void*>& inner)
    : inner_(inner) {
    static const pk_option_table none{sizeof none, sizeof(pk_option), nullptr, 0, 0};
    if (table == nullptr) table = &none;
    flow f = parse_flow(text, true);
    if (f.what != flow::kind::map) f = under_main(*table, f);
    fill_table(*table, f, root_, "");
}

std::string option_tree::name_of(const pk_node* node) const {
    const auto found = names_.find(node);
    return found == names_.end() ? std::string() : found->second;
}

pk_str option_tree::keep(std::string text) {
    texts_.push_back(std::move(text));
    return str(texts_.back());
}

void option_tree::fill_table(const pk_option_table& table, const flow& from, wide_node& out,
                             const std::string& at) {
    if (from.what != flow::kind::map) throw std::runtime_error(at + "options are needed here");
    for (const std::string& key : from.keys) {
        bool known = false;
        for (std::uint32_t i = 0; i < table.count; ++i) {
            known = known || view(option_at(table, i).name) == key;
        }
        if (!known) throw std::runtime_error(at + "unknown option '" + key + "'");
    }
    std::vector<wide_node>& nodes = nodes_.emplace_back(table.count);
    for (std::uint32_t i = 0; i < table.count; ++i) {
        const pk_option& o = option_at(table, i);
        const std::string name = at + std::string(view(o.name));
        const flow* given = nullptr;
        for (std::size_t k = 0; k < from.keys.size(); ++k) {
            if (from.keys[k] == view(o.name)) given = &from.items[k];
        }
        names_[&nodes[i]] = name;
        if (given != nullptr) {
            fill(o, *given, nodes[i], name);
            nodes[i].flags = PK_NODE_GIVEN;
        } else if (o.default_text.size > 0) {
            fill(o, parse_flow(view(o.default_text), false), nodes[i], name);
        } else if ((o.flags & PK_OPTION_REQUIRED) != 0) {
            throw std::runtime_error(name + ": is required");
        } else if (o.type == PK_OPT_TABLE) {
            flow empty;
            empty.what = flow::kind::map;
            fill(o, empty, nodes[i], name);  // Its options have defaults of their own.
        }
    }
    out.type = PK_OPT_TABLE;
    out.first = nodes.data();
    out.count = table.count;
    out.stride = sizeof(wide_node);
}

void option_tree::fill_list(const pk_option& option, const flow& from, pk_node& out,
                            const std::string& at) {
    const bool map = option.type == PK_OPT_MAP;
    if (from.what != (map ? flow::kind::map : flow::kind::list)) {
        throw std::runtime_error(at + (map ? ": a map is needed" : ": a list is needed"));
    }
    if ((option.flags & PK_OPTION_NOT_EMPTY) != 0 && from.items.empty()) {
        throw std::runtime_error(at + ": must not be empty");
    }
    std::vector<wide_node>& nodes = nodes_.emplace_back(from.items.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (map) nodes[i].key = keep(from.keys[i]);
        fill(*option.element, from.items[i], nodes[i], at);
        nodes[i].flags = PK_NODE_GIVEN;
    }
    out.first = nodes.data();
    out.count = static_cast<std::uint32_t>(nodes.size());
    out.stride = sizeof(wide_node);
}

// `name` or `name: {options}`, of which the options are the inner plugin's business.
void option_tree::fill_plugin(const flow& from, pk_node& out, const std::string& at) {
    const bool map = from.what == flow::kind::map && from.keys.size() == 1;
    const std::string name = map ? from.keys[0] : from.text;
    const auto found = inner_.find(name);
    if (found == inner_.end()) throw std::runtime_error(at + ": no inner plugin '" + name + "'");
    out.handle = found->second;
    out.text = keep(name);
}

void option_tree::fill(const pk_option& option, const flow& from, pk_node& out,
                       const std::string& at) {
    out.type = option.type;
    if (option.type == PK_OPT_PLUGIN) return fill_plugin(from, out, at);
    if (option.type == PK_OPT_TABLE) {
        fill_table(*option.table, from, static_cast<wide_node&>(out), at + ".");
        return;
    }
    if (option.type == PK_OPT_LIST || option.type == PK_OPT_MAP) {
        fill_list(option, from, out, at);
        return;
    }
    if (from.what != flow::kind::scalar) throw std::runtime_error(at + ": one value is needed");
    try {
        read_scalar(option, from.text, out);
        std::string text = from.text;
        if (option.type == PK_OPT_FILE) {
            out.path = keep(text);
            text = file_bytes(text);
        } else if (option.type == PK_OPT_FIELD_NAME) {
            for (char& c : text) c = lower(c);
        }
        out.text = keep(std::move(text));
    } catch (const std::runtime_error& e) {
        throw std::runtime_error(at + ": " + e.what());
    }
}

}  // namespace pk::testing

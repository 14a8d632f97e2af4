#include "kernel/config/reader.hpp"

#include <algorithm>

#include "kernel/config/hints.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/text.hpp"
#include "kernel/config/yaml.hpp"

namespace pkernel::config {

namespace {

std::string in_place(const std::string& where) {
    return where.empty() ? " at the top level" : " in " + where;
}

// "routes" to "route".
std::string singular(std::string_view name) {
    return std::string(name.ends_with('s') ? name.substr(0, name.size() - 1) : name);
}

bool any_secret(const pk_option_table& t) {
    for (std::uint32_t i = 0; i < t.count; ++i) {
        if (has(option_at(t, i), PK_OPTION_SECRET)) return true;
    }
    return false;
}

bool any_required(const pk_option_table& t) {
    for (std::uint32_t i = 0; i < t.count; ++i) {
        if (has(option_at(t, i), PK_OPTION_REQUIRED)) return true;
    }
    return false;
}

// Whether a table that is not there still says something: by a default, or by a table in it that
// may.
bool any_default(const pk_option_table& t) {
    for (std::uint32_t i = 0; i < t.count; ++i) {
        const pk_option& o = option_at(t, i);
        if (o.default_text.size != 0 || o.type == PK_OPT_TABLE) return true;
    }
    return false;
}

// Whether an option that is not there is worth a value, since it says something all the same. The
// kernel asks its own tables by name, and has thousands of routes; a plugin finds a node for each.
bool says_something(const pk_option& o) {
    return o.default_text.size != 0 || has(o, PK_OPTION_REQUIRED) ||
           (o.type == PK_OPT_TABLE && any_default(*o.table));
}

// What a default says stands nowhere in the config.
void stand_at(node& n, const position& at) {
    n.at = at;
    for (node& item : n.items) stand_at(item, at);
    for (entry& e : n.entries) {
        stand_at(e.key, at);
        stand_at(e.value, at);
    }
}

node empty_map(const position& at) {
    node out;
    out.kind = node_kind::map;
    out.at = at;
    return out;
}

}  // namespace

option_reader::option_reader(plugin_catalog& plugins, environment& outside, diagnostics& out)
    : plugins_(plugins),
      outside_(outside),
      out_(&out),
      files_(out.files()),
      cwd_(outside.working_directory()) {}

const value* option_reader::read_root(const node& tree, const pk_option_table& t,
                                      value_arena& memory) {
    scope s{.memory = &memory, .docs = "config", .at = {tree.at.file}};
    value* root = memory.make(1);
    table(*root, tree, t, s);
    return root;
}

const value* option_reader::read_table(const node& tree, const pk_option_table& t,
                                       std::string where, value_arena& memory) {
    scope s{.memory = &memory, .where = std::move(where), .at = tree.at};
    value* root = memory.make(1);
    table(*root, tree, t, s);
    return root;
}

void option_reader::place(value& v, const position& at) {
    v.file = str(files_.name(at.file));
    v.line = at.line;
    v.column = at.column;
    v.length = at.length;
}

void option_reader::report(code number, const position& at, std::string message, const scope& s) {
    diagnostic d;
    d.number = number;
    d.at = at;
    d.message = std::move(message);
    d.docs = s.docs;
    out_->add(std::move(d));
}

void option_reader::hide(const node& n) {
    if (n.is_null()) return;  // It stands where its key does.
    if (n.kind == node_kind::scalar) {
        if (n.at.line != 0) files_.hide(n.at, n.end_line, n.end_column);
        return;
    }
    for (const node& item : n.items) hide(item);
    for (const entry& e : n.entries) hide(e.value);
}

void option_reader::table(value& v, const node& n, const pk_option_table& t, const scope& s) {
    place(v, n.at);
    v.type = PK_OPT_TABLE;
    v.flags |= PK_NODE_GIVEN;
    if (n.kind == node_kind::map) return children(v, n, t, s);
    if (n.is_null()) return children(v, empty_map(s.at), t, s);
    if (missing_space(n, t, s)) {
        v.type = PK_OPT_NONE;
        return;
    }
    const pk_option* main = main_option(t);
    if (main == nullptr) {
        const auto names = option_names(t);
        diagnostic d;
        d.number = code::wrong_kind;
        d.at = n.at;
        d.message = (s.where.empty() ? "the config" : s.where) + " is a map of options, not " +
                    std::string(kind_name(n));
        d.notes.push_back(s.loaded + "options here: " + joined(names));
        d.docs = s.docs;
        out_->add(std::move(d));
        v.type = PK_OPT_NONE;
        return;
    }
    node wrapped = empty_map(n.at);
    entry bare;
    bare.key.at = n.at;
    bare.key.text = view(main->name);
    bare.value = n;
    wrapped.entries.push_back(std::move(bare));
    children(v, wrapped, t, s);
}

// `address:":80"` and `-handler` are texts to YAML.
bool option_reader::missing_space(const node& n, const pk_option_table& t, const scope& s) {
    if (n.kind != node_kind::scalar || n.quoted) return false;
    const std::string_view text = n.text;
    const std::string_view name = text.substr(0, text.find(':'));
    const pk_option* main = main_option(t);
    const std::string_view rest = text.substr(std::min(name.size() + 1, text.size()));
    // `backup:3000` is a host and its port.
    const bool port = main != nullptr && view(main->name) != name && !rest.empty() &&
                      rest.find_first_not_of("0123456789") == rest.npos;
    const bool dash = text.size() > 1 && text[0] == '-' &&
                      std::string_view("0123456789.").find(text[1]) == text.npos;
    if (!dash && (name.size() == text.size() || find_option(t, name) == nullptr || port))
        return false;
    report(code::missing_space, n.at,
           dash ? std::string("a space must follow the '-' of an entry")
                : "a space must follow " + in_quotes(std::string(name) + ':'),
           s);
    return true;
}

void option_reader::children(value& v, const node& n, const pk_option_table& t, const scope& s) {
    open_.push_back(&t);
    const bool sparse = s.around == nullptr;
    const auto kept = [&](const pk_option& o) {
        return !sparse || says_something(o) || n.find(view(o.name)) != nullptr;
    };
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < t.count; ++i) count += kept(option_at(t, i));
    value* next = s.memory->make(count);
    v.first = next;
    v.count = count;
    v.stride = sizeof(value);
    for (std::uint32_t i = 0; i < t.count; ++i) {
        const pk_option& o = option_at(t, i);
        if (kept(o)) option(*next++, n.find(view(o.name)), o, s);
    }
    for (const entry& e : n.entries) {
        if (find_option(t, e.key.text) != nullptr) continue;
        unknown(e, t, s);
        v.flawed = true;
    }
    open_.pop_back();
}

void option_reader::unknown(const entry& e, const pk_option_table& t, const scope& s) {
    const auto names = option_names(t);
    diagnostic d;
    d.number = code::unknown_option;
    d.at = e.key.at;
    d.message = "unknown option " + in_quotes(e.key.text) + in_place(s.where);
    // Past that number nothing is shown, so nothing is worth looking for.
    if (out_->errors() < diagnostics::kept_max) {
        std::string note = meant(e.key.text, s);
        if (note.empty()) d.hint = did_you_mean(nearest(e.key.text, names));
        if (note.empty() && d.hint.empty()) note = option_within(t, e.key.text);
        if (note.empty() && d.hint.empty() && s.around == nullptr)
            note = option_elsewhere(e.key.text);
        if (!note.empty()) d.notes.push_back(std::move(note));
    }
    d.notes.push_back(s.loaded +
                      (names.empty() ? "it takes no options" : "options here: " + joined(names)));
    d.docs = s.docs;
    out_->add(std::move(d));
    // It may be a secret under a misspelt name.
    if (s.secret || any_secret(t)) hide(e.value);
}

// In the kernel's own sections: another program's word for it, or a plugin; else nothing.
std::string option_reader::meant(std::string_view name, const scope& s) {
    if (s.around != nullptr) return {};
    if (const auto ours = in_our_words(name); !ours.empty()) return std::string(ours);
    if (!is_plugin_name(name)) return {};
    const std::string place = plugin_belongs(plugins_.points_of(name));
    return place.empty() ? place : in_quotes(name) + " is a plugin; " + place;
}

void option_reader::option(value& v, const node* n, const pk_option& o, const scope& s) {
    v.option = &o;
    const bool has_parts = !is_scalar(o.type);
    if (n == nullptr || (has_parts && n->is_null())) return absent(v, o, s);
    scope inner = named(o, s);
    if (has(o, PK_OPTION_SECRET) && o.type != PK_OPT_FILE) {
        inner.secret = true;
        hide(*n);
    }
    given_option(v, *n, o, inner);
}

void option_reader::given_option(value& v, const node& n, const pk_option& o, const scope& s) {
    place(v, n.at);
    v.flags |= PK_NODE_GIVEN;
    switch (o.type) {
        case PK_OPT_LIST:
            return list(v, n, o, s);
        case PK_OPT_MAP:
            return map(v, n, o, s);
        case PK_OPT_PLUGIN:
            return plugin(v, n, o, s);
        case PK_OPT_TABLE: {
            scope inner = s;
            inner.where = s.where.empty() ? s.name : in_quotes(s.name) + " of " + s.where;
            if (s.around == nullptr && s.where.empty()) inner.docs = s.name;
            inner.at = n.at;
            return table(v, n, *o.table, inner);
        }
        default:
            return scalar(v, n, o, s);
    }
}

option_reader::scope option_reader::named(const pk_option& o, const scope& s) {
    scope inner = s;
    inner.name = view(o.name);
    return inner;
}

void option_reader::absent(value& v, const pk_option& o, const scope& s) {
    place(v, s.at);
    if (has(o, PK_OPTION_REQUIRED)) {
        report(code::required_missing, s.at,
               in_quotes(view(o.name)) + " is missing" + in_place(s.where), s);
    } else if (o.default_text.size != 0) {
        default_value(v, o, s);
    } else if (o.type == PK_OPT_TABLE && !any_required(*o.table) &&
               std::find(open_.begin(), open_.end(), o.table) == open_.end()) {
        if (s.around == nullptr && !any_default(*o.table)) return;
        given_option(v, empty_map(s.at), o, named(o, s));
        v.flags = 0;
    }
}

void option_reader::default_value(value& v, const pk_option& o, const scope& s) {
    diagnostics probe;
    diagnostics* const real = std::exchange(out_, &probe);
    std::optional<node> tree;
    if (is_scalar(o.type) && o.type != PK_OPT_PLUGIN) {
        tree.emplace();
        tree->quoted = true;
        tree->text = view(o.default_text);
    } else {
        tree = parse_yaml_value(view(o.default_text));
    }
    if (tree) {
        stand_at(*tree, s.at);
        given_option(v, *tree, o, named(o, s));
        v.flags = 0;
    }
    out_ = real;
    place(v, s.at);
    if (tree && probe.errors() == 0) return;
    diagnostic d;
    d.number = code::plugin_table;
    d.at = s.at;
    d.message = "the default " + in_quotes(view(o.default_text)) + " of " +
                in_quotes(view(o.name)) + in_place(s.where) + " is not valid";
    for (const auto& why : probe.sorted()) d.notes.push_back(why.message);
    d.exit = exit_class::plugin;
    out_->add(std::move(d));
}

option_reader::scope option_reader::part_scope(const node& n, std::string ident, const scope& s) {
    scope inner = s;
    const std::string noun = singular(s.name);
    inner.where = noun + ' ' + ident + (s.where.empty() ? "" : " of " + s.where);
    if (s.around == nullptr && s.where.empty()) inner.docs = noun;
    inner.at = n.at;
    return inner;
}

void option_reader::part(value& v, const node& n, const pk_option& o, scope s) {
    v.option = &o;
    if (o.type == PK_OPT_TABLE) return table(v, n, *o.table, s);
    // Elements have no name of their own.
    given_option(v, n, o, s);
}

void option_reader::list(value& v, const node& n, const pk_option& o, const scope& s) {
    const pk_option& each = *o.element;
    // One scalar stands for the list of it.
    const bool one = n.kind == node_kind::scalar;
    if (n.kind == node_kind::map) {
        const bool dash = !n.entries.empty() && n.entries[0].key.text.starts_with('-');
        report(dash ? code::missing_space : code::wrong_kind, n.at,
               dash ? std::string("a space must follow the '-' of an entry")
                    : in_quotes(s.name) + " is a list, not a map; begin each entry with '- '",
               s);
        return;
    }
    v.type = PK_OPT_LIST;
    v.count = one ? 1 : static_cast<std::uint32_t>(n.items.size());
    v.stride = sizeof(value);
    value* first = s.memory->make(v.count);
    v.first = first;
    if (v.count == 0 && has(o, PK_OPTION_NOT_EMPTY)) {
        report(code::empty, n.at, in_quotes(s.name) + " needs at least one entry", s);
    }
    for (std::uint32_t i = 0; i < v.count; ++i) {
        const node& item = one ? n : n.items[i];
        if (each.type != PK_OPT_TABLE) {
            part(first[i], item, each, s);
            continue;
        }
        const node* name = item.find("name");
        const bool named = name != nullptr && !name->shown().empty();
        part(first[i], item, each,
             part_scope(item, named ? in_quotes(name->shown()) : '#' + std::to_string(i + 1), s));
    }
}

void option_reader::map(value& v, const node& n, const pk_option& o, const scope& s) {
    if (n.kind != node_kind::map) {
        report(code::wrong_kind, n.at,
               in_quotes(s.name) + " is a map, not " + std::string(kind_name(n)) +
                   "; write each entry as 'name: value'",
               s);
        return;
    }
    v.type = PK_OPT_MAP;
    v.count = static_cast<std::uint32_t>(n.entries.size());
    v.stride = sizeof(value);
    value* first = s.memory->make(v.count);
    v.first = first;
    if (v.count == 0 && has(o, PK_OPTION_NOT_EMPTY)) {
        report(code::empty, n.at, in_quotes(s.name) + " needs at least one entry", s);
    }
    for (std::uint32_t i = 0; i < v.count; ++i) {
        const entry& e = n.entries[i];
        scope inner = s;
        if (o.element->type == PK_OPT_TABLE) {
            inner = part_scope(e.value, in_quotes(e.key.text), s);
            inner.at = e.key.at;
        }
        part(first[i], e.value, *o.element, std::move(inner));
        first[i].key = s.memory->keep_str(e.key.text);
        if (o.element->type == PK_OPT_TABLE) place(first[i], e.key.at);
    }
}

}  // namespace pkernel::config

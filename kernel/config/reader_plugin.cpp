#include <algorithm>
#include <charconv>

#include "kernel/config/hints.hpp"
#include "kernel/config/kernel_options.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/reader.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config {

namespace {

constexpr std::size_t plugin_name_max = 64;

template <class Number>
void append_number(std::string& out, Number n) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

void append_text(std::string& out, std::string_view text) {
    append_number(out, text.size());
    out += ':';
    out += text;
}

void append_address(std::string& out, const pk_address& a) {
    if (a.family == 0) return;
    append_text(out, {reinterpret_cast<const char*>(a.bytes), sizeof a.bytes});
    for (const auto part :
         {std::uint32_t{a.family}, std::uint32_t{a.prefix}, std::uint32_t{a.port}}) {
        append_number(out, part);
        out += '/';
    }
}

// False, and nothing is appended: the value is a table that says nothing.
bool append_value(std::string& out, const value& v, std::span<const plugin_use* const> uses) {
    const std::size_t before = out.size();
    out += '(';
    append_number(out, v.type);
    out += ' ';
    append_number(out, v.integer);
    out += ' ';
    append_number(out, v.period);
    out += ' ';
    append_text(out, view(v.text));
    append_text(out, view(v.path));
    append_address(out, v.address);
    bool says = v.type != PK_OPT_TABLE || given(v);
    if (v.type == PK_OPT_PLUGIN && v.use != value::no_use) {
        append_text(out, uses[v.use]->canonical);
    } else {
        for (std::uint32_t i = 0; i < v.count; ++i) {
            const value& part = element(v, i);
            if (!present(part)) continue;
            const std::size_t here = out.size();
            append_text(out, v.type == PK_OPT_TABLE ? view(part.option->name) : view(part.key));
            if (append_value(out, part, uses))
                says = true;
            else
                out.resize(here);
        }
    }
    if (!says) {
        out.resize(before);
        return false;
    }
    out += ')';
    return true;
}

}  // namespace

bool is_plugin_name(std::string_view name) {
    return !name.empty() && name.size() <= plugin_name_max && name[0] >= 'a' && name[0] <= 'z' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

void append_canonical(std::string& out, const value& v, std::span<const plugin_use* const> uses) {
    append_value(out, v, uses);
}

// Splits `name` or `name: options`; reports any other form.
bool option_reader::plugin_parts(const node& n, const node*& name, const node*& options,
                                 const scope& s) {
    options = nullptr;
    name = &n;
    std::string problem;
    if (n.kind == node_kind::list) {
        problem = in_quotes(s.name) + " takes one plugin, not a list";
    } else if (n.is_null() || (n.kind == node_kind::map && n.entries.empty())) {
        problem = in_quotes(s.name) + " needs the name of a plugin";
    } else if (n.kind == node_kind::map && n.entries.size() > 1) {
        const entry& first = n.entries[0];
        const std::string plugin = first.key.text;
        problem = first.value.is_null()
                      ? "the options of " + in_quotes(plugin) +
                            " belong one level deeper than its name: '" + plugin + ": { … }'"
                      : "one plugin is wanted here, not " + in_quotes(plugin) + " and " +
                            in_quotes(n.entries[1].key.text) + "; in a list each begins with '- '";
    } else if (n.kind == node_kind::map) {
        name = &n.entries[0].key;
        options = n.entries[0].value.is_null() ? nullptr : &n.entries[0].value;
    }
    if (problem.empty() && !is_plugin_name(name->text)) {
        problem = in_quotes(name->shown()) + " is not the name of a plugin (a-z, 0-9 and _)";
        std::string meant = lower(name->text);
        std::replace(meant.begin(), meant.end(), '-', '_');
        if (is_plugin_name(meant)) problem += "; write " + in_quotes(meant);
    }
    if (problem.empty()) return true;
    hide_options(n);
    report(code::plugin_form, n.entries.empty() ? n.at : n.entries[0].key.at, std::move(problem),
           s);
    return false;
}

// What cannot be told from a secret, because no table says what it is.
void option_reader::hide_options(const node& n) {
    for (const entry& e : n.entries) hide(e.value);
    for (const node& item : n.items) hide_options(item);
}

const lookup_result& option_reader::find(const std::string& name, std::string_view point) {
    const auto [found, is_new] = found_.try_emplace({name, std::string(point)});
    lookup_result& answer = found->second;
    if (!is_new) return answer;
    answer = plugins_.find(name, point);
    if (!answer.found || answer.options == nullptr) return answer;
    const std::string problem = table_problem(*answer.options);
    if (problem.empty()) return answer;
    answer.found = false;
    answer.number = code::plugin_table;
    answer.problem = "plugin " + in_quotes(name) + " declares its options wrongly: " + problem;
    return answer;
}

void option_reader::refused(const lookup_result& why, const node& name, const node* options,
                            const scope& s) {
    diagnostic d;
    d.number = why.number;
    d.at = name.at;
    d.message = why.problem;
    d.hint = why.hint;
    d.notes = why.notes;
    if (const std::string place = plugin_belongs(why.points); !place.empty()) {
        d.message = "plugin " + in_quotes(name.text) + " is not for " + in_quotes(s.name);
        d.notes.push_back(place);
        d.docs = name.text;
    }
    if (options != nullptr) {
        d.notes.push_back("its options were not checked");
        hide(*options);
    }
    d.exit = why.exit;
    out_->add(std::move(d));
}

plugin_use& option_reader::new_use(value& v, const scope& s) {
    if (s.around != nullptr) {
        v.use = static_cast<std::uint32_t>(s.around->inner.size());
        s.around->inner.push_back({std::make_unique<plugin_use>(), &v});
        plugin_use& use = *s.around->inner.back().use;
        use.memory = s.around->memory;
        return use;
    }
    v.use = static_cast<std::uint32_t>(uses_.size());
    plugin_use& use = *uses_.emplace_back(std::make_shared<plugin_use>());
    use.memory = std::make_shared<value_arena>();
    return use;
}

void option_reader::plugin(value& v, const node& n, const pk_option& o, const scope& s) {
    const node* name = nullptr;
    const node* options = nullptr;
    if (!plugin_parts(n, name, options, s)) return;
    if (s.plugin_depth == plugin_depth_max) {
        report(code::plugin_depth, name->at,
               "plugins are nested deeper than " + std::to_string(plugin_depth_max) + " levels", s);
        return;
    }
    v.type = PK_OPT_PLUGIN;
    v.text = s.memory->keep_str(name->text);
    place(v, name->at);
    const bool built_in = name->text == built_in_name(view(o.point));
    lookup_result itself;
    itself.found = true;
    const lookup_result& found = built_in ? itself : find(name->text, view(o.point));
    if (!found.found) return refused(found, *name, options, s);

    plugin_use& use = new_use(v, s);
    use.name = name->text;
    use.point = view(o.point);
    use.built_in = built_in;
    use.at = name->at;
    use.files = files_.names();
    plugin_options(use, *name, options, found, s);
    v.first = use.options;
    v.count = 1;
    v.stride = sizeof(value);
}

void option_reader::plugin_options(plugin_use& use, const node& name, const node* options,
                                   const lookup_result& found, scope s) {
    static constexpr pk_option_table no_options{sizeof(pk_option_table), sizeof(pk_option), nullptr,
                                                0, 0};
    const std::string label = "plugin " + in_quotes(use.name);
    s.memory = use.memory.get();
    s.around = &use;
    s.where = label;
    s.docs = use.built_in ? "listener" : use.name;
    s.loaded = found.version.empty() ? "" : label + ' ' + found.version + " is loaded; ";
    s.at = name.at;
    ++s.plugin_depth;
    value* root = s.memory->make(1);
    use.options = root;
    const pk_option_table& t = found.options ? *found.options : no_options;
    const std::size_t errors_before = out_->errors();
    node none;
    none.kind = node_kind::map;
    none.at = name.at;
    if (t.count == 0 && options != nullptr && options->kind != node_kind::map) {
        report(code::no_options, options->at, label + " takes no options", s);
        options = nullptr;
    }
    table(*root, options ? *options : none, t, s);
    if (options == nullptr) root->flags = 0;
    use.sound = out_->errors() == errors_before;
    append_text(use.canonical, use.name);
    append_text(use.canonical, use.point);
    std::vector<const plugin_use*> inner;
    for (const auto& i : use.inner) inner.push_back(i.use.get());
    append_canonical(use.canonical, *root, inner);
    use.identity = digest_of(use.canonical);
}

}  // namespace pkernel::config

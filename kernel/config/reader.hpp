// Nodes to values: checks a tree against an option table and resolves the plugins that it names.

#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/environment.hpp"
#include "kernel/config/node.hpp"
#include "kernel/config/plugin_catalog.hpp"
#include "kernel/config/plugin_use.hpp"
#include "kernel/config/value.hpp"
#include "pkernel/abi/options.h"

namespace pkernel::config {

constexpr std::size_t option_file_max = 1 << 20;
constexpr std::size_t plugin_depth_max = 8;  // Plugins inside the options of plugins.

class option_reader {
public:
    option_reader(plugin_catalog& plugins, environment& outside, diagnostics& out);

    // The kernel's own sections: a PK_OPT_TABLE value in `memory`. Values that were wrong are
    // absent; the errors are in the diagnostics.
    const value* read_root(const node& tree, const pk_option_table& table, value_arena& memory);

    // A table of options on its own, named `where` in messages.
    const value* read_table(const node& tree, const pk_option_table& table, std::string where,
                            value_arena& memory);

    // What values of the kernel's sections name by value::use.
    std::vector<std::shared_ptr<plugin_use>>& uses() { return uses_; }

private:
    // Where in the config the reader is, for messages, and where values go.
    struct scope {
        value_arena* memory = nullptr;
        plugin_use* around = nullptr;  // The plugin whose options are read; null: the kernel's.
        std::string where{};           // "route 'api'"; empty: the top level.
        std::string docs{};            // What `pkernel describe` would tell more about it.
        std::string loaded{};          // "plugin 'x' 1.2 is loaded; "
        std::string name{};            // Of the option; in a list or map, of that.
        position at{};                 // The name of the place, for what is missing in it.
        std::size_t plugin_depth = 0;
        bool secret = false;
    };

    // reader.cpp: what has parts
    void table(value& v, const node& n, const pk_option_table& t, const scope& s);
    void children(value& v, const node& n, const pk_option_table& t, const scope& s);
    void option(value& v, const node* n, const pk_option& o, const scope& s);
    void given_option(value& v, const node& n, const pk_option& o, const scope& s);
    void absent(value& v, const pk_option& o, const scope& s);
    void default_value(value& v, const pk_option& o, const scope& s);
    void list(value& v, const node& n, const pk_option& o, const scope& s);
    void map(value& v, const node& n, const pk_option& o, const scope& s);
    void part(value& v, const node& n, const pk_option& o, scope s);
    void unknown(const entry& e, const pk_option_table& t, const scope& s);
    std::string meant(std::string_view name, const scope& s);
    bool missing_space(const node& n, const pk_option_table& t, const scope& s);
    static scope named(const pk_option& o, const scope& s);
    static scope part_scope(const node& n, std::string ident, const scope& s);

    // reader_scalar.cpp: what is one text
    void scalar(value& v, const node& n, const pk_option& o, const scope& s);
    bool number(value& v, const node& n, const pk_option& o, const scope& s);
    bool rate(value& v, const node& n, const scope& s);
    bool text(value& v, const node& n, const pk_option& o, const scope& s);
    bool address(value& v, const node& n, const pk_option& o, const scope& s);
    bool path(value& v, const node& n, const pk_option& o, const scope& s);
    bool choice(value& v, const node& n, const pk_option& o, const scope& s);
    bool in_range(const value& v, const node& n, const pk_option& o, const scope& s);
    bool wrong(code number, std::string_view what, const node& n, std::string_view remedy,
               const scope& s);

    // reader_plugin.cpp: what names a plugin
    void plugin(value& v, const node& n, const pk_option& o, const scope& s);
    const lookup_result& find(const std::string& name, std::string_view point);
    bool plugin_parts(const node& n, const node*& name, const node*& options, const scope& s);
    void hide_options(const node& n);
    void refused(const lookup_result& why, const node& name, const node* options, const scope& s);
    void plugin_options(plugin_use& use, const node& name, const node* options,
                        const lookup_result& found, scope s);
    plugin_use& new_use(value& v, const scope& s);

    void place(value& v, const position& at);
    void report(code number, const position& at, std::string message, const scope& s);
    void hide(const node& n);

    plugin_catalog& plugins_;
    environment& outside_;
    diagnostics* out_;
    sources& files_;
    std::string cwd_;
    std::vector<std::shared_ptr<plugin_use>> uses_;
    std::map<std::pair<std::string, std::string>, lookup_result> found_;
    std::vector<const pk_option_table*> open_;  // Tables being read, outermost first.
};

bool is_plugin_name(std::string_view name);

// The bytes that say what a value means; see plugin_use::canonical.
// `uses` are those that value::use counts.
void append_canonical(std::string& out, const value& v, std::span<const plugin_use* const> uses);

}  // namespace pkernel::config

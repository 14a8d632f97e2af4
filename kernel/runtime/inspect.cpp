#include "kernel/runtime/inspect.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "kernel/config/describe.hpp"
#include "kernel/config/hints.hpp"
#include "kernel/config/json_text.hpp"
#include "kernel/config/option_table.hpp"
#include "kernel/config/render.hpp"
#include "kernel/config/schema.hpp"
#include "kernel/config/text.hpp"
#include "kernel/runtime/commands.hpp"
#include "kernel/runtime/engine.hpp"
#include "kernel/runtime/engine_user.hpp"
#include "kernel/runtime/loading.hpp"
#include "kernel/runtime/log.hpp"
#include "kernel/runtime/privileges.hpp"
#include "kernel/runtime/report.hpp"

namespace pkernel::runtime {
namespace {

constexpr int plugin_code = static_cast<int>(config::exit_class::plugin);

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string_view view(pk_str text) {
    return {text.data, static_cast<std::size_t>(text.size)};
}

int refused(const command_line& line, const std::string& sentence) {
    if (line.json)
        print(config::json_text().open_object().key("refused").text(sentence).close().take());
    else
        std::fprintf(stderr, "pkernel: %s\n", config::printable(sentence).c_str());
    return plugin_code;
}

void append_options(config::json_text& out, const pk_option_table* table) {
    out.key("options").open_list();
    for (std::uint32_t i = 0; table != nullptr && i < table->count; ++i) {
        const pk_option& o = config::option_at(*table, i);
        out.open_object().key("name").text(view(o.name)).key("type").text(config::type_name(o));
        if (o.default_text.size != 0) out.key("default").text(view(o.default_text));
        out.key("required").boolean(config::has(o, PK_OPTION_REQUIRED));
        out.key("doc").text(view(o.doc)).close();
    }
    out.close();
}

struct served {
    std::string point;
    const pk_option_table* options;
};

// The extension points of a plugin that this kernel has, with the options that each takes.
std::vector<served> served_by(const plugin::plugin_file& file) {
    std::vector<served> out;
    for (const std::string& point : extension_points()) {
        if (!file.serves(point)) continue;
        const auto offer = file.at(point);
        if (offer.has_value()) out.push_back({point, offer->factory.options});
    }
    return out;
}

std::string page_of(const plugin::plugin_file& file) {
    const pk_plugin& face = file.face();
    std::string out = std::string(file.name()) + ' ' + std::string(file.version()) + ": " +
                      std::string(view(face.summary)) + "\n  " + file.path() + ", " +
                      std::string(view(face.licence)) + "\n";
    for (const served& each : served_by(file)) {
        out += "\nas " + each.point + "\n\n";
        out += config::describe(each.options, config::page::terminal);
    }
    return out;
}

std::string json_of(const plugin::plugin_file& file) {
    const pk_plugin& face = file.face();
    config::json_text out;
    out.open_object().key("name").text(file.name()).key("version").text(file.version());
    out.key("summary").text(view(face.summary)).key("licence").text(view(face.licence));
    out.key("path").text(file.path()).key("points").open_list();
    for (const served& each : served_by(file)) {
        out.open_object().key("point").text(each.point);
        append_options(out, each.options);
        out.close();
    }
    return out.close().close().take();
}

std::string row_of(const plugin::listed& one) {
    if (one.file == nullptr)
        return one.name + "  refused: " + config::printable(one.refused) + '\n';
    const std::string version(one.file->version());
    std::string out = one.name + ' ' + version + "  abi " + one.abi + ' ';
    for (const std::string& point : one.points) out += ' ' + point;
    out += "\n    " + config::printable(view(one.file->face().summary)) + '\n';
    const std::string place = config::plugin_belongs(one.points);
    return place.empty() ? out : out + "    " + place + '\n';
}

void append_row(config::json_text& out, const plugin::listed& one) {
    out.open_object().key("name").text(one.name).key("path").text(one.path);
    if (one.file == nullptr) {
        out.key("refused").text(one.refused).close();
        return;
    }
    out.key("version").text(one.file->version()).key("abi").text(one.abi);
    out.key("points").open_list();
    for (const std::string& point : one.points) out.text(point);
    out.close().close();
}

// Whoever is not root becomes nobody else, and may be looking on behalf of another machine.
void check_user(const config::model& conf, config::diagnostics& out) {
    if (!conf.user || find_account(*conf.user)) return;
    const std::string what = no_such_user(*conf.user);
    if (is_root())
        out.error(config::code::not_choice, conf.user_at, what);
    else
        out.warning(config::code::not_choice, conf.user_at, what);
}

// Becomes whom the engine would, so that its plugins run with no more rights and what that user
// cannot open is told now. Not 0: an exit code, after what is wrong was said.
int become_engine_user(const std::string& file, passed_files& opened, std::string& became) {
    forbid_new_rights();
    if (!is_root()) return 0;
    const engine_user user = engine_user_of(file);
    if (!user.who || user.who->uid == 0) return 0;  // check_user tells.
    {
        const log to_stderr(log::mode::direct, log_form::text, base::log_level::warning);
        opened = files_for(file, {user.who->uid, user.who->gid, groups_of(*user.who)});
    }
    became = user.name;
    const std::string why = become(*user.who);
    if (why.empty()) return 0;
    std::fprintf(stderr, "pkernel: %s\n", why.c_str());
    return static_cast<int>(config::exit_class::bind);
}

// What `describe` knows, for who does not know what to ask.
std::string all_names(reading& from) {
    const std::vector<std::string> installed = from.files.names();
    const std::vector<std::string_view> plugins(installed.begin(), installed.end());
    return "sections of the config: " + config::joined(config::section_names()) +
           "\nplugins: " + (plugins.empty() ? "none" : config::joined(plugins)) + '\n';
}

// "; did you mean 'x'?", or where the config has an option of that name, or what asks for all.
std::string meant_by(const std::string& name, const std::string& plugin) {
    const auto near = config::nearest(name, config::section_names());
    if (!near.empty()) return "; " + config::did_you_mean(near);
    if (!plugin.empty()) return "; " + plugin;
    const std::string place = config::option_elsewhere(name);
    return "; " + (place.empty() ? "'pkernel describe' lists what there is" : place);
}

}  // namespace

int validate_config(const command_line& line) {
    passed_files opened;
    std::string became;
    if (const int code = become_engine_user(config_file(line), opened, became); code != 0)
        return code;
    reading from(line, std::move(opened));
    from.load();
    if (from.conf) engine_check(from.conf, from.plugins, from.problems);
    if (from.conf) check_user(*from.conf, from.problems);
    if (line.json) {
        print(config::to_json(from.problems));
        return from.exit_code();
    }
    show(from.problems);
    if (from.problems.errors() == 0)
        print(from.file + " is good\n");
    else if (!became.empty())
        std::fprintf(stderr, "as user %s, whom the engine becomes\n",
                     config::in_quotes(became).c_str());
    return from.exit_code();
}

int list_installed(const command_line& line) {
    reading from(line);
    const auto all = plugin::list_plugins(from.files, extension_points());
    if (line.json) {
        config::json_text out;
        out.open_list();
        for (const auto& each : all) append_row(out, each);
        print(out.close().take());
        return 0;
    }
    if (all.empty()) print("no plugins in " + from.files.directory() + '\n');
    for (const auto& each : all) print(row_of(each));
    return 0;
}

int describe_name(const command_line& line) {
    if (line.arguments.empty()) {
        reading from(line);
        print(all_names(from));
        return 0;
    }
    const std::string& name = line.arguments.front();
    if (const auto section = config::describe_section(name, config::page::terminal)) {
        print(line.json ? config::json_text()
                              .open_object()
                              .key("section")
                              .text(name)
                              .key("text")
                              .text(*section)
                              .close()
                              .take()
                        : *section);
        return 0;
    }
    reading from(line);
    if (!plugin::is_plugin_name(name))
        return refused(line, config::in_quotes(name) + " is neither a section of the config (" +
                                 config::joined(config::section_names()) + ") nor a plugin's name");
    const auto file = from.plugins.load(name);
    if (!file.has_value()) {
        if (!file.error().missing) return refused(line, file.error().text());
        return refused(line, config::in_quotes(name) + " is no section of the config, and " +
                                 file.error().sentence + meant_by(name, file.error().hint));
    }
    print(line.json ? json_of(**file) : page_of(**file));
    return 0;
}

int print_schema(const command_line& line) {
    reading from(line);
    std::vector<config::plugin_entry> entries;
    const auto all = plugin::list_plugins(from.files, extension_points());
    for (const auto& each : all) {
        if (each.file == nullptr) {
            std::fprintf(stderr, "pkernel: left out: %s\n",
                         config::printable(each.refused).c_str());
            continue;
        }
        for (const served& one : served_by(*each.file))
            entries.push_back(
                {each.name, one.point, std::string(view(each.file->face().summary)), one.options});
    }
    print(config::json_schema(entries));
    return 0;
}

int print_version(const command_line& line) {
    const std::string abi =
        std::to_string(PKERNEL_ABI_MAJOR) + '.' + std::to_string(PKERNEL_ABI_MINOR);
    if (!line.json) {
        print("pkernel " + std::string(version_text) + ", plugin ABI " + abi + '\n');
        return 0;
    }
    config::json_text out;
    out.open_object().key("version").text(version_text).key("abi").text(abi).close();
    print(out.take());
    return 0;
}

}  // namespace pkernel::runtime

#include "kernel/runtime/commands.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernel/config/diagnostic.hpp"
#include "kernel/config/text.hpp"
#include "kernel/runtime/inspect.hpp"
#include "kernel/runtime/launch.hpp"

namespace pkernel::runtime {
namespace {

constexpr int usage_code = static_cast<int>(config::exit_class::usage);

constexpr std::array<command, 7> table{{
    {"run",
     "",
     0,
     "serve; what happens when no command is given",
     "config plugins-dir workers log-level log-format single-process allow-insecure-plugins-dir",
     {"pkernel run --config conf/pkernel.yaml",
      "pkernel --plugins-dir build/plugins --workers 2 --log-level debug"},
     run_proxy},
    {"validate",
     "",
     0,
     "check the config and its plugins; binds and changes nothing",
     "config plugins-dir allow-insecure-plugins-dir format",
     {"pkernel validate", "pkernel validate --config new.yaml --format json"},
     validate_config},
    {"explain",
     "METHOD URL",
     2,
     "which route a request takes, and through what; sends nothing",
     "config plugins-dir allow-insecure-plugins-dir format",
     {"pkernel explain GET http://app.example.com/api/users",
      "pkernel explain POST /login --config new.yaml"},
     explain_request},
    {"plugins",
     "",
     0,
     "the plugins that are installed, and why others are refused",
     "plugins-dir allow-insecure-plugins-dir format",
     {"pkernel plugins", "pkernel plugins --plugins-dir build/plugins --format json"},
     list_installed},
    {"describe",
     "[NAME]",
     1,
     "the options of a plugin or section; without a name: which there are",
     "plugins-dir allow-insecure-plugins-dir format",
     {"pkernel describe route", "pkernel describe listener"},
     describe_name},
    {"schema",
     "",
     0,
     "the JSON Schema of the config with all installed plugins, for editors",
     "plugins-dir allow-insecure-plugins-dir format",
     {"pkernel schema > pkernel.schema.json", "pkernel schema --plugins-dir build/plugins"},
     print_schema},
    {"version",
     "",
     0,
     "the version of the program and of its plugin boundary",
     "format",
     {"pkernel version", "pkernel version --format json"},
     print_version},
}};

void print(std::FILE* to, const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), to);
}

int usage_error(const std::string& sentence, std::string_view about = {}) {
    std::string help = "pkernel ";
    if (!about.empty()) help.append(about) += ' ';
    print(stderr, "pkernel: " + sentence + "\n  '" + help + "--help' shows what there is\n");
    return usage_code;
}

void append_row(std::string& out, std::string_view left, std::string_view right) {
    constexpr std::size_t column = 31;
    out += "  ";
    out += left;
    out.append(left.size() + 1 < column ? column - left.size() : 1, ' ');
    out += right;
    out += '\n';
}

void append_option(std::string& out, const option_info& info) {
    std::string left = "--" + std::string(info.name);
    if (!info.value.empty()) (left += ' ') += info.value;
    append_row(out, left, info.help);
}

// Whether a list of words separated by spaces has `word`.
bool has_word(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(' '), list.size());
        if (list.substr(0, end) == word) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

const command* find_command(std::string_view name) {
    const auto found = std::ranges::find(table, name, &command::name);
    return found == table.end() ? nullptr : &*found;
}

struct other_word {
    std::string_view word;
    std::string_view ours;
};
constexpr other_word other_words[] = {
    {"reload", "SIGHUP reloads: kill -HUP $(pgrep -ox pkernel), or systemctl reload pkernel"},
    {"restart", "SIGTERM ends it after a drain, 'pkernel run' starts it"},
    {"stop", "SIGTERM ends it: kill $(pgrep -ox pkernel), or systemctl stop pkernel"},
    {"quit", "SIGTERM ends it: kill $(pgrep -ox pkernel), or systemctl stop pkernel"},
    {"start", "did you mean 'run'?"},
    {"serve", "did you mean 'run'?"},
    {"test", "did you mean 'validate'?"},
    {"check", "did you mean 'validate'?"},
    {"configtest", "did you mean 'validate'?"},
};

bool is_config_file(std::string_view word) {
    return word.ends_with(".yaml") || word.ends_with(".yml") || word.ends_with(".conf");
}

int unknown_command(const std::string& name) {
    const std::string unknown = "unknown command " + config::in_quotes(name);
    const auto* other = std::ranges::find(other_words, name, &other_word::word);
    if (other != std::end(other_words))
        return usage_error(unknown + "; " + std::string(other->ours));
    if (is_config_file(name)) return usage_error(unknown + "; a config is named by --config FILE");
    std::vector<std::string_view> known;
    for (const command& each : table) known.push_back(each.name);
    const std::string_view near = config::nearest(name, known);
    return usage_error(near.empty() ? unknown : unknown + "; " + config::did_you_mean(near));
}

std::string fault_of(const command& c, const command_line& line) {
    // Scripts pass these whatever the command is.
    constexpr std::string_view always = "help config plugins-dir allow-insecure-plugins-dir";
    for (const std::string& each : line.given)
        if (!has_word(always, each) && !has_word(c.options, each))
            return "--" + each + " means nothing to '" + std::string(c.name) + "'";
    const bool optional = c.arguments.starts_with('[') && line.arguments.empty();
    if (optional || line.arguments.size() == c.argument_count) return {};
    if (c.argument_count == 0) {
        const bool file = !line.config_file && is_config_file(line.arguments.front());
        return "'" + std::string(c.name) + "' takes no arguments" +
               (file ? "; a config is named by --config FILE" : "");
    }
    return "'" + std::string(c.name) + "' takes " + std::string(c.arguments);
}

}  // namespace

constinit const std::string_view version_text = PKERNEL_VERSION;

std::span<const command> commands() {
    return table;
}

std::string help_text() {
    std::string out = "pkernel " + std::string(version_text) +
                      ", a modular reverse proxy\n\n"
                      "usage: pkernel [OPTIONS] [COMMAND] [ARGUMENTS]\n\ncommands:\n";
    for (const command& each : table) {
        std::string left(each.name);
        if (!each.arguments.empty()) (left += ' ') += each.arguments;
        append_row(out, left, each.summary);
    }
    out += "\noptions:\n";
    for (const option_info& each : option_infos()) append_option(out, each);
    out +=
        "\nexit codes: 0 well, 1 config, 2 command line, 3 plugin, 4 cannot listen\n\nexamples:\n";
    for (const auto example : table.front().examples) (out += "  ").append(example) += '\n';
    return out;
}

std::string help_text(const command& of) {
    std::string out = "pkernel " + std::string(of.name) + ": " + std::string(of.summary) + "\n\n";
    out += "usage: pkernel " + std::string(of.name) + " [OPTIONS]";
    if (!of.arguments.empty()) (out += ' ') += of.arguments;
    out += "\n\noptions:\n";
    for (const option_info& each : option_infos())
        if (each.name == "help" || has_word(of.options, each.name)) append_option(out, each);
    out += "\nexamples:\n";
    for (const auto example : of.examples) (out += "  ").append(example) += '\n';
    return out;
}

int run_command_line(const std::vector<std::string>& words) {
    const parsed read = parse_command_line(words);
    if (!read.problem.empty()) return usage_error(read.problem);
    const command_line& line = read.line;
    if (line.command == "help" || (line.command.empty() && line.help)) {
        const command* of = line.arguments.empty() ? nullptr : find_command(line.arguments.front());
        print(stdout, of != nullptr ? help_text(*of) : help_text());
        return 0;
    }
    if (line.command.empty() && line.version) return print_version(line);

    const command* c = find_command(line.command.empty() ? "run" : line.command);
    if (c == nullptr) return unknown_command(line.command);
    if (line.help) {
        print(stdout, help_text(*c));
        return 0;
    }
    const std::string fault = fault_of(*c, line);
    return fault.empty() ? c->run(line) : usage_error(fault, c->name);
}

}  // namespace pkernel::runtime

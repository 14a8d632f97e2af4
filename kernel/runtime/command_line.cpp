#include "kernel/runtime/command_line.hpp"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>

#include "kernel/config/text.hpp"

namespace pkernel::runtime {
namespace {

namespace po = boost::program_options;

constexpr std::array<option_info, 10> infos{{
    {"config", "FILE", "the config; else conf/pkernel.yaml, else /etc/pkernel/pkernel.yaml"},
    {"plugins-dir", "DIR", "where NAME.so of each plugin is; else beside the program"},
    {"workers", "N", "threads that serve; wins over the config's, else one a CPU"},
    {"log-level", "LEVEL", "debug, info, warn or error; info if not given"},
    {"log-format", "FORM", "text or json: one line an event, on stderr"},
    {"single-process", "", "no master and no restart after a crash: for debuggers"},
    {"allow-insecure-plugins-dir", "", "load plugins that other users could have changed"},
    {"format", "FORM", "text or json: what a command prints"},
    {"help", "", "this text, or that of the command"},
    {"version", "", "the version"},
}};

constexpr const char* words_name = "words";  // The command and its arguments.

po::options_description descriptions() {
    po::options_description all;
    for (const option_info& each : infos) {
        const std::string name(each.name);
        const std::string spelled = each.name == "help" ? name + ",h" : name;
        if (each.value.empty())
            all.add_options()(spelled.c_str(), "");
        else
            all.add_options()(spelled.c_str(), po::value<std::string>(), "");
    }
    all.add_options()(words_name, po::value<std::vector<std::string>>());
    return all;
}

// What other servers call so.
std::string_view option_of_others(std::string_view name) noexcept {
    if (name == "-t" || name == "-T") return "'pkernel validate' does that";
    if (name == "-s") return "SIGHUP reloads, SIGTERM ends: docs/operating.md";
    if (name == "-c" || name == "-f" || name == "--conf") return "did you mean '--config'?";
    if (name == "-v" || name == "-V") return "did you mean '--version'?";
    return {};
}

std::string unknown_option(const std::string& name) {
    if (const auto meant = option_of_others(name); !meant.empty())
        return "unknown option " + config::in_quotes(name) + "; " + std::string(meant);
    std::vector<std::string_view> known;
    for (const option_info& each : infos) known.push_back(each.name);
    const std::string word = name.substr(std::min(name.find_first_not_of('-'), name.size()));
    const std::string_view near = config::nearest(word, known);
    std::string out = "unknown option " + config::in_quotes(name);
    if (!near.empty()) out += "; did you mean '--" + std::string(near) + "'?";
    return out;
}

std::string one_of(std::string_view option, const std::string& value, std::string_view choices) {
    return "--" + std::string(option) + " is " + std::string(choices) + ", not " +
           config::in_quotes(value);
}

// Texts of options to what they mean; the first that means nothing is the problem.
class reader {
public:
    reader(const po::variables_map& from, parsed& to)
        : from_(from), to_(to.line), problem_(to.problem) {}

    void read() {
        for (const option_info& each : infos)
            if (has(each.name)) to_.given.emplace_back(each.name);
        to_.config_file = text("config");
        to_.plugins_dir = text("plugins-dir");
        to_.single_process = has("single-process");
        to_.allow_insecure_plugins_dir = has("allow-insecure-plugins-dir");
        to_.help = has("help");
        to_.version = has("version");
        read_workers();
        if (const auto level = text("log-level")) {
            const auto known = level_named(*level);
            if (known)
                to_.log_level = *known;
            else
                complain(one_of("log-level", *level, "debug, info, warn or error"));
        }
        if (is_json("log-format")) to_.log_format = log_form::json;
        to_.json = is_json("format");
        if (has(words_name)) {
            to_.arguments = from_[words_name].as<std::vector<std::string>>();
            to_.command = to_.arguments.front();
            to_.arguments.erase(to_.arguments.begin());
        }
    }

private:
    bool has(std::string_view name) const { return from_.count(std::string(name)) != 0; }
    std::optional<std::string> text(std::string_view name) const {
        if (!has(name)) return std::nullopt;
        return from_[std::string(name)].as<std::string>();
    }
    bool is_json(std::string_view name) {
        const auto form = text(name);
        if (form && *form != "json" && *form != "text")
            complain(one_of(name, *form, "text or json"));
        return form == "json";
    }
    void read_workers() {
        const auto number = text("workers");
        if (!number) return;
        unsigned value = 0;
        const char* end = number->data() + number->size();
        const auto [stop, error] = std::from_chars(number->data(), end, value);
        if (error != std::errc() || stop != end || value == 0 || value > workers_max)
            return complain(one_of("workers", *number, "a number from 1 to 1024"));
        to_.workers = value;
    }
    void complain(std::string sentence) {
        if (problem_.empty()) problem_ = std::move(sentence);
    }

    const po::variables_map& from_;
    command_line& to_;
    std::string& problem_;
};

}  // namespace

std::span<const option_info> option_infos() {
    return infos;
}

parsed parse_command_line(const std::vector<std::string>& words) {
    parsed out;
    try {
        const po::options_description all = descriptions();
        po::positional_options_description positional;
        positional.add(words_name, -1);
        po::variables_map values;
        namespace style = po::command_line_style;
        po::store(po::command_line_parser(words)
                      .options(all)
                      .positional(positional)
                      .style(style::default_style & ~style::allow_guessing)
                      .run(),
                  values);
        reader(values, out).read();
    } catch (const po::unknown_option& e) {
        out.problem = unknown_option(e.get_option_name());
    } catch (const po::error& e) {
        out.problem = e.what();
    }
    return out;
}

}  // namespace pkernel::runtime

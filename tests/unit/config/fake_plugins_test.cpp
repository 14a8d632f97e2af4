#include "tests/unit/config/fake_plugins.hpp"

#include "kernel/config/option_table.hpp"
#include "kernel/config/text.hpp"

namespace pkernel::config::testing {

namespace {

constexpr pk_option a_text = option("", PK_OPT_TEXT, "");
constexpr pk_option a_network = option("", PK_OPT_CIDR, "");
constexpr pk_option a_value = option("", PK_OPT_FIELD_VALUE, "");
constexpr pk_option a_filter = option("", PK_OPT_PLUGIN, "").at_point("pk.http_filter/1");
constexpr pk_str moods[] = {literal("calm"), literal("strict")};

constexpr pk_option limiter[] = {
    option("rate", PK_OPT_RATE, "Requests let through.").main().required().at_least(1),
    option("burst", PK_OPT_INTEGER, "How many at once.").by_default("10").at_least(0).at_most(1000),
    option("key", PK_OPT_TEXT, "What is counted.").by_default("client_ip").not_empty(),
    option("memory", PK_OPT_SIZE, "Table size.").by_default("1MiB").at_least(1024),
    option("mood", PK_OPT_ENUM, "How strict.").one_of(moods).by_default("calm"),
    option("except", PK_OPT_LIST, "Networks that are not counted.").of(a_network),
};
constexpr pk_option_table limiter_table = table_of(limiter);

constexpr pk_option tally[] = {
    option("file", PK_OPT_PATH, "Where to write."),
    option("every", PK_OPT_DURATION, "How often.").by_default("1m"),
    option("fields", PK_OPT_MAP, "More of them.").of(a_value),
    option("quiet", PK_OPT_BOOL, "Say less.").by_default("false"),
};
constexpr pk_option_table tally_table = table_of(tally);

constexpr pk_option expires[] = {
    option("images", PK_OPT_DURATION, "For images.").by_default("30d"),
    option("rest", PK_OPT_DURATION, "For the rest."),
};
constexpr pk_option_table expires_table = table_of(expires);

constexpr pk_option static_site[] = {
    option("root", PK_OPT_PATH, "The directory.").main().required(),
    option("status", PK_OPT_STATUS, "What to answer.").by_default("200"),
    option("field", PK_OPT_FIELD_NAME, "Which field to add."),
    option("listen", PK_OPT_ADDRESS, "An address."),
    option("expires", PK_OPT_TABLE, "How long clients keep it.").of(expires_table),
    option("names", PK_OPT_LIST, "Index files.").of(a_text).by_default("[index.html]").not_empty(),
};
constexpr pk_option_table static_site_table = table_of(static_site);

constexpr pk_option outer[] = {
    option("inner", PK_OPT_PLUGIN, "The one inside.").at_point("pk.balancer/1").by_default("robin"),
    option("chain", PK_OPT_LIST, "More inside.").of(a_filter),
};
constexpr pk_option_table outer_table = table_of(outer);

constexpr pk_option sealed[] = {
    option("key", PK_OPT_FILE, "The key."),
    option("password", PK_OPT_TEXT, "The password.").with(PK_OPTION_SECRET).not_empty(),
    option("port", PK_OPT_INTEGER, "The port.").with(PK_OPTION_SECRET).at_most(65535),
};
constexpr pk_option_table sealed_table = table_of(sealed);

constexpr pk_option broken[] = {option("things", PK_OPT_LIST, "A list of nothing.")};
constexpr pk_option_table broken_table = table_of(broken);

constexpr pk_option hasty[] = {option("wait", PK_OPT_DURATION, "A bad default.").by_default("10")};
constexpr pk_option_table hasty_table = table_of(hasty);

struct known {
    std::string_view name;
    std::string_view point;
    const pk_option_table* options;
};

constexpr known all[] = {
    {"limiter", "pk.http_filter/1", &limiter_table},
    {"plain", "pk.http_filter/1", nullptr},
    {"outer", "pk.http_filter/1", &outer_table},
    {"sealed", "pk.http_filter/1", &sealed_table},
    {"broken", "pk.http_filter/1", &broken_table},
    {"hasty", "pk.http_filter/1", &hasty_table},
    {"tally", "pk.log/1", &tally_table},
    {"robin", "pk.balancer/1", nullptr},
    {"static_site", "pk.handler/1", &static_site_table},
    {"shaft", "pk.tunnel/1", nullptr},
};

}  // namespace

lookup_result fake_plugins::find(std::string_view name, std::string_view point) {
    asked.push_back(std::string(name) + '@' + std::string(point));
    lookup_result out;
    if (name == "old") {
        out.number = code::plugin_refused;
        out.problem = "plugins/old.so needs ABI 2, and this is 1";
        return out;
    }
    std::vector<std::string_view> names;
    for (const known& k : all) {
        names.push_back(k.name);
        if (k.name != name) continue;
        if (k.point == point) {
            out.found = true;
            out.version = "1.2";
            out.options = k.options;
            return out;
        }
        out.number = code::plugin_point;
        out.exit = exit_class::config;
        out.problem =
            "plugins/" + std::string(name) + ".so offers nothing for " + std::string(point);
        out.points.emplace_back(k.point);
        return out;
    }
    out.problem = "'" + std::string(name) + "' needs plugins/" + std::string(name) +
                  ".so, which is not in /plugins";
    out.hint = did_you_mean(nearest(name, names));
    return out;
}

std::vector<std::string> fake_plugins::offered(std::string_view point) {
    return point == "pk.balancer/1" ? std::vector<std::string>{"robin"}
                                    : std::vector<std::string>{};
}

std::vector<std::string> fake_plugins::points_of(std::string_view name) {
    for (const known& k : all)
        if (k.name == name) return {std::string(k.point)};
    return {};
}

file_text fake_outside::read(const std::string& path, std::size_t size_max) {
    const auto found = files.find(path);
    if (found == files.end()) return {false, {}, "there is no such file"};
    if (found->second.size() > size_max) return {false, {}, "it is too large"};
    return {true, found->second, {}};
}

std::optional<std::string> fake_outside::variable(std::string_view name) {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
}

}  // namespace pkernel::config::testing

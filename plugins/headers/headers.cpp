// headers: sets, adds and removes fields of responses, whatever their status.
//
// Several on one route add up: each does its own part. In one, removing comes first, then setting,
// then adding. All names and values are checked when the config is read.

#include <pkernel/plugin.hpp>

namespace {

// [settings]
struct response_settings {
    pk::map<std::string_view> set;
    pk::map<std::string_view> add;
    std::vector<std::string_view> remove;
};

struct settings {
    response_settings response;
    std::optional<std::chrono::seconds> hsts;
    bool hsts_subdomains = false;
};

constexpr auto response_schema = pk::schema<response_settings>(
    pk::map_of("set", &response_settings::set, pk::field_value(), "In place of what is there."),
    pk::map_of("add", &response_settings::add, pk::field_value(), "Beside what is there."),
    pk::list("remove", &response_settings::remove, pk::field_name(), "Every field of the name."));

constexpr auto schema = pk::schema<settings>(
    pk::table<response_schema>("response", &settings::response, "Of responses, of every status."),
    pk::duration(
        "hsts", &settings::hsts,
        "Strict-Transport-Security: how long browsers use https only. Sent over TLS only."),
    pk::boolean("hsts_subdomains", &settings::hsts_subdomains, "For all subdomains, too."));
// [settings]

constexpr bool is_token(std::string_view name) {
    constexpr std::string_view bytes =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !name.empty() && name.find_first_not_of(bytes) == std::string_view::npos;
}

// Framing and connection: the kernel's own business.
constexpr std::string_view kernels_own[] = {
    "content-length", "transfer-encoding", "connection",       "te",  "trailer",
    "upgrade",        "keep-alive",        "proxy-connection", "host"};

pk::field_id checked(std::string_view name) {
    if (!is_token(name)) {
        throw pk::config_error("response", "'" + std::string(name) + "' is no field name");
    }
    for (std::string_view own : kernels_own) {
        if (!pk::same_token(name, own)) continue;
        throw pk::config_error("response",
                               "'" + std::string(name) + "' belongs to the kernel; leave it out");
    }
    return pk::field_id(name);
}

class headers {
public:
    explicit headers(const settings& conf) {
        for (std::string_view name : conf.response.remove) remove_.push_back(checked(name));
        for (const auto& [name, value] : conf.response.set) set_.push_back({checked(name), value});
        for (const auto& [name, value] : conf.response.add) add_.push_back({checked(name), value});
        if (conf.hsts) {
            hsts_ = "max-age=" + std::to_string(conf.hsts->count());
            if (conf.hsts_subdomains) hsts_ += "; includeSubDomains";
        }
    }

    pk::verdict on_response(pk::stream& s) const {
        const pk::fields fields = s.response_fields();
        for (const pk::field_id& name : remove_) fields.remove(name);
        bool done = true;
        for (const change& c : set_) done = fields.set(c.name, c.value) == PK_OK && done;
        for (const change& c : add_) done = fields.add(c.name, c.value) == PK_OK && done;
        if (!hsts_.empty() && s.request().secure()) {
            done = fields.set("strict-transport-security", hsts_) == PK_OK && done;
        }
        // A policy that is only half there is worse than an error.
        return done ? pk::next : s.reset(PK_END_PLUGIN_ERROR);
    }

private:
    struct change {
        pk::field_id name;
        std::string_view value;
    };

    std::vector<pk::field_id> remove_;
    std::vector<change> set_, add_;
    std::string hsts_;
};

}  // namespace

PKERNEL_PLUGIN("headers", "1.0.0", "Sets, adds and removes fields of responses.",
               pk::http_filter<headers, schema>);

// respond: answers every request with the status, fields and body of the config.
//
// All of it is checked and laid out at create; a request copies nothing of its own.

#include <pkernel/plugin.hpp>

namespace {

// [settings]
struct settings {
    std::uint32_t status = 200;
    std::string_view body;
    std::string_view content_type = "text/plain; charset=utf-8";
    pk::map<std::string_view> headers;
};

constexpr auto schema = pk::schema<settings>(
    pk::status("status", &settings::status, "Status of the answer.")
        .at_least(200)
        .at_most(599)
        .main(),
    pk::text("body", &settings::body, "Its body."),
    pk::field_value("content_type", &settings::content_type,
                    "Content-Type, sent when there is a body."),
    pk::map_of("headers", &settings::headers, pk::field_value(), "Further fields."));
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

class respond {
public:
    explicit respond(const settings& conf) : status_(conf.status), body_(conf.body) {
        const bool may_have_body = status_ != 204 && status_ != 304;
        if (!may_have_body && !body_.empty()) {
            throw pk::config_error("body", "an answer " + std::to_string(status_) + " has no body");
        }
        bool typed = body_.empty();
        for (const auto& [name, value] : conf.headers) {
            if (!is_token(name)) {
                throw pk::config_error("headers", "'" + std::string(name) + "' is no field name");
            }
            for (std::string_view own : kernels_own) {
                if (!pk::same_token(name, own)) continue;
                throw pk::config_error(
                    "headers", "'" + std::string(name) + "' is set by the kernel; leave it out");
            }
            fields_.push_back({pk::str(name), pk::str(value), pk::field_id(name).number(), 0});
            typed = typed || pk::same_token(name, "content-type");
        }
        if (!typed) fields_.push_back(pk::new_field("content-type", conf.content_type));
    }

    // To HEAD the kernel sends the same head and no body.
    pk::verdict on_request(pk::stream& s) const { return s.reply(status_, body_, fields_); }

private:
    const std::uint32_t status_;
    const std::string_view body_;
    std::vector<pk_field> fields_;
};

}  // namespace

PKERNEL_PLUGIN("respond", "1.0.0", "Answers every request with a fixed status, fields and body.",
               pk::handler<respond, schema>);

// A handler with an option of every type, which answers with what it read.

#include <pkernel/plugin.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;

enum class colour { red, green };

struct inner {
    bool on = true;
    std::uint32_t level = 3;
};
constexpr auto inner_schema =
    pk::schema<inner>(pk::boolean("on", &inner::on, "Whether."),
                      pk::integer("level", &inner::level, "How much.").at_most(9));

struct settings {
    bool flag = true;
    std::int32_t number = -5;
    std::uint8_t small = 7;
    std::string_view text = "word";
    std::uint64_t size = 3 << 20;
    std::chrono::milliseconds time = 1500ms;
    pk::rate_value rate{5, 10s};
    pk::socket_address address;
    pk::network cidr;
    std::string_view path = "/tmp/x";
    pk::file_content file;
    std::string_view field_name = "x-a";
    std::string_view field_value = "a b";
    std::uint32_t status = 404;
    colour choice = colour::green;
    std::vector<std::string_view> names = {"a", "b"};
    pk::map<std::string_view> headers;
    inner nested;
    std::vector<inner> many;
    pk::map<std::vector<std::int64_t>> deep;
    std::optional<std::int64_t> maybe;
};

constexpr auto schema = pk::schema<settings>(
    pk::boolean("flag", &settings::flag, "A flag."),
    pk::integer("number", &settings::number, "A number."),
    pk::integer("small", &settings::small, "A small number."),
    pk::text("text", &settings::text, "A text.").main(),
    pk::byte_size("size", &settings::size, "A size.").at_least(1),
    pk::duration("time", &settings::time, "A time.").at_most(1h),
    pk::rate("rate", &settings::rate, "A rate."),
    pk::address("address", &settings::address, "An address.").default_text("127.0.0.1:80"),
    pk::cidr("cidr", &settings::cidr, "A network.").default_text("10.0.0.0/8"),
    pk::path("path", &settings::path, "A path."),
    pk::file("file", &settings::file, "A file.").secret(),
    pk::field_name("field_name", &settings::field_name, "A name."),
    pk::field_value("field_value", &settings::field_value, "A value."),
    pk::status("status", &settings::status, "A status."),
    pk::choice("choice", &settings::choice, pk::words("red", "green"), "A colour."),
    pk::list("names", &settings::names, pk::field_name(), "Names.").since("1.1").not_empty(),
    pk::map_of("headers", &settings::headers, pk::field_value(), "Fields."),
    pk::table<inner_schema>("nested", &settings::nested, "A table."),
    pk::list("many", &settings::many, pk::table<inner_schema>(), "Tables."),
    pk::map_of("deep", &settings::deep, pk::list_of(pk::integer().at_least(0)), "Lists."),
    pk::integer("maybe", &settings::maybe, "Perhaps."));

class options {
public:
    options(const settings& conf, const pk::host& h) {
        if (conf.text == "throw") throw pk::config_error("text", "not that word");
        if (conf.text == "warn") h.warning("text", "an odd word");
        says_ = std::string(conf.flag ? "flag " : "") + std::to_string(conf.number) + " " +
                std::to_string(conf.small) + " " + std::string(conf.text) + " " +
                std::to_string(conf.size) + " " + std::to_string(conf.time.count()) + " " +
                std::to_string(conf.rate.count) + "/" + std::to_string(conf.rate.period.count()) +
                " " + std::string(conf.address.text) + " " + std::to_string(conf.cidr.base.prefix) +
                " " + std::string(conf.path) + " " + std::string(conf.file.bytes) + " " +
                std::string(conf.field_name) + " " + std::string(conf.field_value) + " " +
                std::to_string(conf.status) + " " +
                (conf.choice == colour::green ? "green" : "red");
        for (auto name : conf.names) says_ += " " + std::string(name);
        for (auto [key, value] : conf.headers) {
            says_ += " " + std::string(key) + "=" + std::string(value);
        }
        says_ += " " + std::to_string(conf.nested.level);
        for (const inner& i : conf.many) {
            says_ += " " + std::to_string(i.level) + (i.on ? "+" : "-");
        }
        for (const auto& [key, values] : conf.deep) {
            says_ += " " + std::string(key) + ":" + std::to_string(values.size());
        }
        says_ += conf.maybe ? " " + std::to_string(*conf.maybe) : " none";
    }

    pk::verdict on_request(pk::stream& s) const { return s.reply(200, says_); }

private:
    std::string says_;
};

}  // namespace

PKERNEL_PLUGIN("options", "1.0.0", "Reads an option of every type.", pk::handler<options, schema>);

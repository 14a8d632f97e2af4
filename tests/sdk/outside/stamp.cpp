// A filter: marks each response, and answers /throw by an exception.

#include <pkernel/plugin.hpp>
#include <stdexcept>

namespace {

struct settings {
    std::string_view mark;
};

constexpr auto schema = pk::schema<settings>(
    pk::field_value("mark", &settings::mark, "What X-Stamp says.").required().main());

class stamp {
public:
    explicit stamp(const settings& conf) : mark_(conf.mark) {
        if (mark_ == "none") throw pk::config_error("mark", "a stamp says something");
    }

    pk::verdict on_request(pk::stream& s) const {
        if (s.request().path() == "/throw") throw std::runtime_error("asked to");
        return pk::next;
    }

    pk::verdict on_response(pk::stream& s) const {
        return s.response_fields().set("x-stamp", mark_) == PK_OK ? pk::next : s.reply(500);
    }

private:
    const std::string_view mark_;
};

}  // namespace

PKERNEL_PLUGIN("stamp", "2.1.0", "Marks responses.", pk::http_filter<stamp, schema>);

// A filter that does one host call as the request's X-Ask says, and answers with its outcome; for
// tests/integration/host_calls.conv. A word of X-Ask that is a number is that variable of `values`.
//
//     filters: [ asker: [ client_ip, query.a, cookie.s ] ]

#include <pkernel/plugin.hpp>
#include <pkernel/services.hpp>

#include <charconv>
#include <string>
#include <vector>

namespace {

struct settings {
    std::vector<std::string_view> values;
};
constexpr auto schema = pk::schema<settings>(
    pk::list("values", &settings::values, pk::text(), "Variables that can be asked for.").main());

class asker_filter {
public:
    struct state {
        pk_status kept = PK_OK;
        std::uint64_t times = 0;
    };

    asker_filter(const settings& conf, pk::host& h) {
        for (const auto name : conf.values) values_.emplace_back(h, "values", name);
    }

    pk::verdict on_request(pk::stream& s, state&) const {
        const auto [what, with] = asked(s);
        if (what.empty() || what == "retain") return pk::next;
        std::size_t number = 0;
        if (std::from_chars(what.data(), what.data() + what.size(), number).ec == std::errc())
            return number < values_.size() ? s.reply(200, values_[number].of(s)) : s.reply(400);
        if (what == "log") {
            (void)s.annotate("client", values_.empty() ? "" : values_[0].of(s));
            return pk::next;
        }
        return went(s, change(s, what, with));
    }

    // Keeps each slice of a body, and the last of them twice; lets the first go again.
    std::uint64_t on_request_data(pk::stream& s, pk::data d, state& st) const {
        if (asked(s).first != "retain") return d.size();
        for (auto at = d.begin(); at != d.end(); ++at) {
            if (st.kept == PK_OK) st.kept = s.retain(at.slice());
            if (st.times++ == 0) s.release(at.slice());
        }
        return d.size();
    }

    pk::verdict on_response(pk::stream& s, state& st) const {
        if (asked(s).first != "retain") return pk::next;
        const auto word = st.times == 0 ? "nothing" : st.kept == PK_OK ? "kept" : "no more";
        return s.response_fields().set("x-kept", word) == PK_OK ? pk::next : s.reset();
    }

private:
    // X-Ask, parted at its first blank.
    static std::pair<std::string_view, std::string_view> asked(pk::stream& s) {
        const auto all = s.request_fields().each("x-ask");
        if (all.empty()) return {};
        const std::string_view text = (*all.begin()).value;
        const auto blank = std::min(text.find(' '), text.size());
        return {text.substr(0, blank), text.substr(std::min(blank + 1, text.size()))};
    }

    static pk_status change(pk::stream& s, std::string_view what, std::string_view with) {
        if (what == "method") return s.set_method(with);
        if (what == "authority") return s.set_authority(with);
        if (what == "path") return s.set_path(with);
        if (what == "query") return s.set_query(with);
        if (what == "add") return s.request_fields().add("x-added", with);
        if (what == "name") return s.request_fields().set(pk::field_id(with), "x");
        if (what == "value") return s.request_fields().set("x-set", "a\r\nX-Evil: 1");
        if (what == "remove") return s.request_fields().remove(pk::field_id(with));
        if (what == "allocate") return allocate(s, with);
        if (what == "owned")
            return s.emit_owned(
                pk::direction::request, "x", [](void*) {}, nullptr);
        if (what == "early") return s.emit(pk::direction::request, "x");
        if (what == "finish") return s.finish(pk::direction::response);
        return PK_INVALID;
    }

    static pk_status allocate(pk::stream& s, std::string_view with) {
        std::size_t size = 0;
        std::from_chars(with.data(), with.data() + with.size(), size);
        return s.allocate<char>(size) ? PK_OK : PK_NO_MEMORY;
    }

    // What was refused is told in the answer; what was done shows at the origin.
    static pk::verdict went(pk::stream& s, pk_status how) {
        return how == PK_OK ? pk::next : s.reply(409, "status " + std::to_string(how));
    }

    std::vector<pk::variable> values_;
};

}  // namespace

PKERNEL_PLUGIN("asker", "1.0.0", "Does one host call and tells how it went, for tests.",
               pk::http_filter<asker_filter, schema>);

// echo: answers with the request as it arrived, described or byte for byte.
//
// A stand-in for an application: in the demo, in tests, and to see what an origin gets to see. What
// a client sends comes back to it, so it is never sent as something that a browser would run.

#include <pkernel/plugin.hpp>

#include "describe.hpp"

namespace {

enum class mode { json, text, body };

// [settings]
struct settings {
    mode how = mode::json;
    std::string_view name;
    std::uint32_t status = 200;
};

constexpr auto schema = pk::schema<settings>(
    pk::choice("mode", &settings::how, pk::words("json", "text", "body"),
               "Describe the request, or send its body back.")
        .main(),
    pk::text("name", &settings::name, "Who answers, as shown; tells endpoints apart."),
    pk::status("status", &settings::status, "Status of the answer.").at_least(200));
// [settings]

constexpr auto out = pk::direction::response;
constexpr std::uint64_t piece_max = 64 << 10;

class echo_handler {
public:
    struct state {
        std::uint64_t body_bytes = 0;
    };

    explicit echo_handler(const settings& conf)
        : how_(conf.how), name_(conf.name), status_(conf.status) {}

    pk::verdict on_request(pk::stream& s) const {
        if (how_ != mode::body) return pk::wait;  // The body is counted first.
        const auto announced = s.request().content_length();
        const auto length = announced ? static_cast<std::int64_t>(*announced) : -1;
        const pk_status answer = s.respond(status_,
                                           {{"content-type", "application/octet-stream"},
                                            {"x-content-type-options", "nosniff"},
                                            {"cache-control", "no-store"}},
                                           length);
        return answer == PK_OK ? pk::wait : s.reset(PK_END_PLUGIN_ERROR);
    }

    // Takes what there is room for; the client waits with the rest until that has drained.
    std::uint64_t on_data(pk::stream& s, pk::data chunk, state& st) const {
        std::uint64_t taken = 0;
        if (how_ != mode::body) {
            taken = chunk.size();
        } else {
            for (auto part = chunk.begin(); part != chunk.end(); ++part) {
                if (!send(s, part.slice(), chunk.flush(), taken)) break;
            }
        }
        st.body_bytes += taken;
        return taken;
    }

    void on_drained(pk::stream& s) const { s.resume(pk::direction::request); }

    pk::verdict on_end(pk::stream& s, const state& st) const {
        if (how_ == mode::body) {
            s.finish(out);
            return pk::done;
        }
        const bool json = how_ == mode::json;
        const std::string body =
            json ? echo::as_json(s, name_, st.body_bytes) : echo::as_text(s, name_, st.body_bytes);
        return s.reply(status_, body,
                       {{"content-type", json ? "application/json" : "text/plain; charset=utf-8"},
                        {"x-content-type-options", "nosniff"},
                        {"cache-control", "no-store"}});
    }

private:
    // Sends the slice on in pieces without a copy. False: no more room now.
    static bool send(pk::stream& s, pk_slice rest, bool flush, std::uint64_t& taken) {
        do {
            pk_slice piece = rest;
            piece.size = std::min(rest.size, piece_max);
            const pk_slice_view one{&piece, 1, sizeof piece};
            if (s.emit(out, pk::data(one, flush ? +PK_DATA_FLUSH : 0u)) != PK_OK) return false;
            taken += piece.size;
            rest.data += piece.size;
            rest.size -= piece.size;
        } while (rest.size > 0);
        return true;
    }

    const mode how_;
    const std::string_view name_;
    const std::uint32_t status_;
};

}  // namespace

PKERNEL_PLUGIN("echo", "1.0.0", "Answers with the request as it arrived.",
               pk::handler<echo_handler, schema>);

// websocket: lets WebSocket connections through, once both handshakes are good (RFC 6455, 8441).
//
// As long as nothing is asked of it that concerns frames the kernel moves the bytes alone. With
// `ping`, `message_size` or `drain: close` it follows the frames, without keeping any of them.

#include <chrono>
#include <optional>
#include <pkernel/plugin.hpp>
#include <string>
#include <vector>

#include "frames.hpp"
#include "handshake.hpp"

namespace {

using pk::direction;
using websocket::frame_follower;
using websocket::sender;
using namespace std::chrono_literals;

enum class at_drain { wait, close };

struct settings {
    std::vector<std::string_view> origins;
    std::chrono::nanoseconds idle{0};
    std::chrono::nanoseconds life{0};
    std::chrono::nanoseconds ping{0};
    std::uint64_t message_size = 0;
    at_drain drain = at_drain::wait;
};

constexpr auto schema = pk::schema<settings>(
    pk::list("origins", &settings::origins, pk::text(),
             "Pages that may connect: \"https://app.example.com\", \"*.example.com\", or \"same\" "
             "for pages of the origin that is asked. Nothing given: all."),
    pk::duration("idle", &settings::idle,
                 "Without a byte from either side; 0s: the route's timeouts.tunnel_idle."),
    pk::duration("life", &settings::life, "The longest that a connection lasts; 0s: no limit."),
    pk::duration("ping", &settings::ping,
                 "A ping goes to a client that was sent nothing for so long; 0s: none."),
    pk::byte_size("message_size", &settings::message_size,
                  "Largest message let through, either way, as it is sent; 0: no limit."),
    pk::choice(
        "drain", &settings::drain, pk::words("wait", "close"),
        "When the proxy stops, or a reload changes these options or takes the route away: waits "
        "for the connection's end, or closes it with 1012."));

// Codes of a close frame (RFC 6455 7.4.1).
constexpr std::uint16_t going_away = 1001, protocol_error = 1002, message_too_big = 1009,
                        service_restart = 1012;

// The one value of a field that must come once; nothing where it does not.
std::optional<std::string_view> only(const pk::fields& all, pk::field_id name) {
    std::optional<std::string_view> found;
    for (const pk::field f : all.each(name)) {
        if (found) return std::nullopt;
        found = f.value;
    }
    return found;
}

class websocket_tunnel {
public:
    // Of a connection whose frames are followed, in one direction at least.
    struct following {
        frame_follower frames[2];           // By direction.
        std::uint16_t goodbye[2] = {0, 0};  // To be said there at the next boundary.
        bool said[2] = {false, false};
        bool quiet = true;  // Nothing went to the client since the last tick of `ping`.
    };
    // Thousands of them may wait for hours: those that are not looked into keep no more than this.
    struct state {
        following* at = nullptr;
    };

    websocket_tunnel(const settings& conf, const pk::host& host)
        : idle_(conf.idle),
          life_(conf.life),
          ping_(conf.ping),
          message_size_(conf.message_size),
          closes_(conf.drain == at_drain::close),
          tunnels_(host),
          timers_(host) {
        for (const auto entry : conf.origins) {
            if (!websocket::is_origin_entry(entry))
                throw pk::config_error("origins", "'" + std::string(entry) +
                                                      "' is no origin; write \"https://HOST\", "
                                                      "\"*.DOMAIN\" or \"same\", as "
                                                      "browsers send it");
            origins_.emplace_back(entry);
        }
    }

    std::span<const pk_str> protocols() const {
        static constexpr pk_str all[] = {pk::str("websocket")};
        return all;
    }

    pk::verdict on_judge(pk::stream& s) const {
        const auto fields = s.request_fields();
        if (s.request().method() != "GET" || s.request().has_body())
            return s.reply(400, "A WebSocket is asked for by a GET without a body.\n");
        if (only(fields, "sec-websocket-version") != "13")
            return s.reply(426, "Only version 13 of WebSocket is spoken here.\n",
                           {{"sec-websocket-version", "13"}});
        if (!is_allowed(s)) {
            s.annotate("refused", "origin");
            return s.reply(403, "This page may not connect here.\n");
        }
        // Without HTTP/1.1 on this side there is no key; the origin's side needs one.
        if (s.request().extended_connect()) {
            if (fields.set("sec-websocket-key", websocket::base64(s.request().id())) == PK_OK)
                return pk::next;
            return s.reply(400);
        }
        const auto key = only(fields, "sec-websocket-key");
        if (!key || !websocket::is_key(*key))
            return s.reply(400, "Sec-WebSocket-Key is not 16 bytes in base64.\n");
        return pk::next;
    }

    pk::verdict on_accepted(pk::stream& s, state& st) const {
        const auto key = only(s.request_fields(), "sec-websocket-key");
        const auto fields = s.response_fields();
        const auto accept = only(fields, "sec-websocket-accept");
        if (!key || !accept || *accept != websocket::accept_of(*key))
            return refuse(s, "accept", "The origin's Sec-WebSocket-Accept is wrong.\n");
        if (!offered(s)) return refuse(s, "protocol", "The origin chose what was not offered.\n");
        if (s.request().extended_connect()) fields.remove("sec-websocket-accept");
        if (!look(s, st)) return s.reply(500);
        if ((idle_ > 0s || life_ > 0s) && tunnels_.limits(s, given(idle_), given(life_)) != PK_OK)
            return s.reply(500);
        if (ping_ > 0s && timers_.start<&websocket_tunnel::on_ping>(s, ping_) != PK_OK)
            return s.reply(500);
        return pk::next;
    }

    std::uint64_t on_data(pk::stream& s, direction d, pk::data all, state& whole) const {
        following& st = *whole.at;
        auto& frames = st.frames[index(d)];
        if (d == direction::response) st.quiet = false;
        std::uint64_t taken = 0;
        for (const std::string_view piece : all) {
            const auto step = frames.follow(piece, st.goodbye[index(d)] != 0);
            taken += step.used;
            if (step.why == frame_follower::stop::none) continue;
            if (step.why == frame_follower::stop::boundary)
                say(s, d, st);
            else
                fail(s, d, st, step);
            break;
        }
        return taken;
    }

    void on_drained(pk::stream& s, direction d, state& whole) const {
        following& st = *whole.at;
        if (st.goodbye[index(d)] && st.frames[index(d)].at_boundary()) say(s, d, st);
    }

    // At a stop the kernel sees to it that this ends; else a client may take as long to answer.
    void on_drain(pk::stream& s, std::uint64_t deadline_ns, state& st) const {
        if (!closes_) return;
        leave(s, direction::response, service_restart, *st.at);
        if (deadline_ns == 0) static_cast<void>(timers_.start<&websocket_tunnel::on_left>(s, 30s));
    }

    // What cannot be told in frames is cut at once.
    void on_limit(pk::stream& s, std::uint32_t, state& st) const {
        if (!follows(direction::response)) return void(s.reset(PK_END_TIMEOUT));
        leave(s, direction::response, going_away, *st.at);
    }

    void on_ping(pk::stream& s, state& whole) const {
        following& st = *whole.at;
        const auto& frames = st.frames[index(direction::response)];
        if (st.said[index(direction::response)] || frames.closing()) return;
        if (std::exchange(st.quiet, true) && frames.at_boundary())
            static_cast<void>(s.emit(direction::response, websocket::empty_ping));
        static_cast<void>(timers_.start<&websocket_tunnel::on_ping>(s, ping_));
    }

    void on_late(pk::stream& s) const { s.reset(PK_END_PROTOCOL); }
    void on_left(pk::stream& s) const { s.reset(PK_END_SHUTDOWN); }

private:
    static constexpr std::size_t index(direction d) noexcept {
        return d == direction::request ? 0 : 1;
    }
    static std::optional<std::chrono::nanoseconds> given(std::chrono::nanoseconds limit) noexcept {
        return limit > 0s ? std::optional(limit) : std::nullopt;
    }
    static pk::verdict refuse(pk::stream& s, std::string_view what, std::string_view text) {
        s.annotate("refused", what);
        return s.reply(502, text);
    }

    bool follows(direction d) const noexcept {
        if (message_size_ > 0) return true;
        return d == direction::response && (ping_ > 0s || closes_);
    }

    bool look(pk::stream& s, state& st) const {
        if (!follows(direction::response)) return true;  // Nor what the client says.
        st.at = s.allocate<following>();
        if (!st.at) return false;
        for (const auto d : {direction::request, direction::response}) {
            const auto from = d == direction::request ? sender::client : sender::origin;
            st.at->frames[index(d)] = frame_follower(from, message_size_);
            if (follows(d) && tunnels_.look_at(s, d) != PK_OK) return false;
        }
        return true;
    }

    // Only browsers say where a page comes from; others could say anything.
    bool is_allowed(pk::stream& s) const {
        if (origins_.empty() || !s.request_fields().contains("origin")) return true;
        const auto origin = only(s.request_fields(), "origin");
        if (!origin) return false;
        // What is there now is ours to believe: nobody's that no filter vouches for is left (0004).
        const auto told = only(s.request_fields(), "x-forwarded-proto").value_or("");
        const bool known = pk::same_token(told, "http") || pk::same_token(told, "https");
        const websocket::asked here{known ? told : s.request().scheme(), s.request().authority()};
        for (const auto& entry : origins_)
            if (websocket::allows(entry, *origin, here)) return true;
        return false;
    }

    // Whether the subprotocol that the origin chose, if any, is one that the client named.
    static bool offered(pk::stream& s) {
        if (!s.response_fields().contains("sec-websocket-protocol")) return true;
        const auto chosen = only(s.response_fields(), "sec-websocket-protocol");
        if (!chosen) return false;
        for (const pk::field f : s.request_fields().each("sec-websocket-protocol"))
            if (websocket::lists(f.value, *chosen)) return true;
        return false;
    }

    // Closes that way, now or at the end of the frame that is under way.
    void leave(pk::stream& s, direction d, std::uint16_t code, following& st) const {
        const auto& frames = st.frames[index(d)];
        if (st.said[index(d)] || st.goodbye[index(d)] || frames.closing()) return;
        st.goodbye[index(d)] = code;
        if (frames.at_boundary()) say(s, d, st);
    }

    // Requires a boundary. Where there is no room on_drained tries again.
    void say(pk::stream& s, direction d, following& st) const {
        const auto as = d == direction::request ? sender::client : sender::origin;
        if (s.emit(d, websocket::close_frame(as, st.goodbye[index(d)])) == PK_NO_MEMORY) return;
        st.goodbye[index(d)] = 0;
        st.said[index(d)] = true;
        s.finish(d);
    }

    // One side broke the rules: neither hears more of the other.
    void fail(pk::stream& s, direction d, following& st, const frame_follower::step& step) const {
        const bool large = step.why == frame_follower::stop::too_large;
        const auto code = large ? message_too_big : protocol_error;
        s.annotate("closed", large ? "message_size" : "protocol");
        st.goodbye[index(d)] = code;
        if (step.clean)
            say(s, d, st);
        else
            s.finish(d);  // In the middle of a frame: the end is all that can be said.
        st.said[index(d)] = true;
        const auto other = d == direction::request ? direction::response : direction::request;
        if (follows(other)) leave(s, other, code, st);
        static_cast<void>(timers_.start<&websocket_tunnel::on_late>(s, 5s));
    }

    std::vector<std::string> origins_;
    const std::chrono::nanoseconds idle_, life_, ping_;
    const std::uint64_t message_size_;
    const bool closes_;
    const pk::tunnels tunnels_;
    const pk::timers timers_;
};

}  // namespace

PKERNEL_PLUGIN("websocket", "1.0.0", "Lets WebSocket connections through to an origin.",
               pk::tunnel<websocket_tunnel, schema>);

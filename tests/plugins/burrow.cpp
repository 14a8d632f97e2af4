// A tunnel for integration/tunnels.conv, of the protocols "burrow" and "mole/2". What it does, the
// request's X-Burrow says, in words:
//   refuse deny         judge, or accepted, answers 403
//   slow                both wait for a timer first
//   look                at both directions; `lookaway`: until the first byte of each
//   shout               what passes is replaced by its upper case
//   mark                "<>" goes after each '.' of the response
//   idle life           limits of 100 ms; bye: "bye" and the end of the response at a limit or
//   drain hold                the client's end waits for a timer late                tries what may
//   not be done any more, once the tunnel runs; says so

#include <chrono>
#include <pkernel/plugin.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using pk::direction;

class burrow {
public:
    struct state {
        bool slow_done = false;
        bool bye = false;
    };

    explicit burrow(const pk::host& h) : tunnels_(h), timers_(h) {}

    std::span<const pk_str> protocols() const {
        static constexpr pk_str all[] = {pk::str("burrow"), pk::str("mole/2")};
        return all;
    }

    pk::verdict on_judge(pk::stream& s) const {
        if (asks(s, "refuse")) return s.reply(403, "not here");
        return waits(s, direction::request);
    }

    pk::verdict on_accepted(pk::stream& s) const {
        if (asks(s, "deny")) return s.reply(403, "not yours");
        for (const auto d : {direction::request, direction::response}) {
            const bool looks = asks(s, "look") || asks(s, "lookaway") || asks(s, "shout") ||
                               asks(s, "mark") || asks(s, "bye");
            if (looks && tunnels_.look_at(s, d) != PK_OK) return s.reply(500, "look_at");
            if (asks(s, "shout") && s.transform(d) != PK_OK) return s.reply(500, "transform");
        }
        const auto idle = asks(s, "idle") ? 100ms : 0ms, life = asks(s, "life") ? 100ms : 0ms;
        if ((idle.count() || life.count()) && tunnels_.limits(s, idle, life) != PK_OK)
            return s.reply(500, "limits");
        if (asks(s, "late") && timers_.start<&burrow::on_late>(s, 1ms) != PK_OK)
            return s.reply(500, "timer");
        return waits(s, direction::response);
    }

    std::uint64_t on_data(pk::stream& s, direction d, pk::data all) const {
        if (asks(s, "lookaway")) tunnels_.look_away(s, d);
        if (asks(s, "shout")) return shout(s, d, all);
        if (asks(s, "mark") && d == direction::response) return mark(s, all);
        return all.size();
    }

    pk::verdict on_end(pk::stream& s, direction d, state& st) const {
        if (!asks(s, "hold") || d == direction::response || std::exchange(st.slow_done, true))
            return pk::next;
        return timers_.start<&burrow::on_time>(s, 50ms) == PK_OK ? pk::wait : pk::next;
    }

    pk::verdict on_resumed(pk::stream&, direction) const { return pk::next; }
    void on_limit(pk::stream& s, std::uint32_t) const { goodbye(s); }
    void on_drain(pk::stream& s, std::uint64_t left) const {
        s.annotate("drain", left > 0 ? "in time" : "at once");
        goodbye(s);
    }
    void on_time(pk::stream& s) const {
        s.resume(direction::request), s.resume(direction::response);
    }
    void on_late(pk::stream& s) const {
        const bool refused = tunnels_.look_at(s, direction::response) == PK_WRONG_STATE &&
                             s.transform(direction::response) == PK_WRONG_STATE &&
                             s.emit(direction::response, "x") == PK_WRONG_STATE;
        s.annotate("late", refused ? "refused" : "done");
    }

private:
    static bool asks(pk::stream& s, std::string_view word) {
        for (const pk::field f : s.request_fields().each("x-burrow"))
            if ((' ' + std::string(f.value) + ' ').find(' ' + std::string(word) + ' ') !=
                f.value.npos)
                return true;
        return false;
    }
    pk::verdict waits(pk::stream& s, direction) const {
        if (!asks(s, "slow")) return pk::next;
        return timers_.start<&burrow::on_time>(s, 50ms) == PK_OK ? pk::wait : pk::next;
    }
    static void goodbye(pk::stream& s) {
        if (!asks(s, "bye") || s.emit(direction::response, "bye") != PK_OK) return;
        s.finish(direction::response);
    }
    static std::uint64_t shout(pk::stream& s, direction d, const pk::data& all) {
        std::string text;
        for (const std::string_view piece : all) text += piece;
        for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        return s.emit(d, text) == PK_OK ? all.size() : 0;
    }
    static std::uint64_t mark(pk::stream& s, const pk::data& all) {
        std::uint64_t taken = 0;
        for (const std::string_view piece : all) {
            const auto dot = piece.find('.');
            if (dot != piece.npos)
                return s.emit(direction::response, "<>") == PK_OK ? taken + dot + 1 : taken + dot;
            taken += piece.size();
        }
        return taken;
    }

    const pk::tunnels tunnels_;
    const pk::timers timers_;
};

}  // namespace

PKERNEL_PLUGIN("burrow", "1.0.0", "A tunnel that does what the request says.", pk::tunnel<burrow>);

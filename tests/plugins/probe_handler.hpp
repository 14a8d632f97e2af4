// The probe as a handler: field X-Handler says how to answer.

#pragma once

#include <pkernel/plugin.hpp>
#include <pkernel/services.hpp>

#include <string>
#include <vector>

namespace probe {

struct handler_settings {
    std::vector<std::string_view> variables;
};
constexpr auto handler_schema = pk::schema<handler_settings>(
    pk::list("variables", &handler_settings::variables, pk::text(), "Shown in the answer."));

class handler {
public:
    struct state {
        std::uint64_t left = 0;
        std::uint64_t read = 0;
        bool responds = false;
        std::string mode;
    };

    handler(const handler_settings& conf, pk::host& h) : timers_(h) {
        for (const auto name : conf.variables) {
            names_.emplace_back(name);
            values_.emplace_back(h, "variables", name);
        }
    }

    // reply, stream:N, length:N, trailers, late, read, drip, collect:N, throw, variables
    pk::verdict on_request(pk::stream& s, state& st) const {
        for (const pk::field f : s.request_fields().each("x-handler")) st.mode = f.value;
        if (st.mode == "reply") return s.reply(200, "replied", {{"content-type", "text/plain"}});
        if (st.mode == "throw") throw std::runtime_error("at a handler");
        if (st.mode == "variables") return s.reply(200, shown(s));
        if (st.mode == "trailers") {
            if (s.respond(200) != PK_OK || s.emit(out, "body") != PK_OK) return s.reset();
            s.finish(out, {{"etag", "\"end\""}});
            return pk::done;
        }
        if (st.mode.starts_with("stream:") || st.mode.starts_with("length:")) {
            st.left = number(st.mode);
            const bool known = st.mode.starts_with("length:");
            st.responds = true;
            if (s.respond(200, {}, known ? static_cast<std::int64_t>(st.left) : -1) != PK_OK)
                return s.reset();
            return pk::wait;
        }
        if (st.mode.starts_with("collect:"))
            return s.collect(pk::direction::request, number(st.mode));
        if (st.mode == "late")
            (void)timers_.start<&handler::answer>(s, std::chrono::milliseconds(20));
        return pk::wait;
    }

    std::uint64_t on_data(pk::stream& s, pk::data bytes, state& st) const {
        const auto size = bytes.size();
        if (st.mode == "drip" && size > 1) {
            (void)timers_.start<&handler::more>(s, std::chrono::milliseconds(2));
            st.read += 1;
            return 1;
        }
        st.read += size;
        return size;
    }

    pk::verdict on_end(pk::stream& s, state& st) const {
        if (st.mode != "read" && st.mode != "drip") return pk::next;
        return s.reply(200, "read " + std::to_string(st.read));
    }

    pk::verdict on_collected(pk::stream& s) const {
        std::string all;
        for (std::string_view part : s.collected(pk::direction::request).bytes) all += part;
        return s.reply(200, "collected " + all);
    }

    // At most 256 KiB a callback, until it is told that there is no room.
    void on_drained(pk::stream& s, state& st) const {
        if (!st.responds) return;
        static const std::string piece(16 * 1024, 'h');
        while (st.left > 0) {
            const auto n = std::min<std::uint64_t>(piece.size(), st.left);
            if (s.emit(out, std::string_view(piece).substr(0, n)) != PK_OK) return;
            st.left -= n;
        }
        st.responds = false;
        s.finish(out);
    }

private:
    static constexpr auto out = pk::direction::response;

    static std::uint64_t number(std::string_view text) {
        return std::stoull(std::string(text.substr(text.find(':') + 1)));
    }

    void answer(pk::stream& s) const { s.reply(200, "late"); }
    void more(pk::stream& s) const { s.resume(pk::direction::request); }

    std::string shown(pk::stream& s) const {
        std::string all;
        for (std::size_t i = 0; i < names_.size(); ++i)
            all += names_[i] + "=" + std::string(values_[i].of(s)) + "\n";
        return all;
    }

    const pk::timers timers_;
    std::vector<std::string> names_;
    std::vector<pk::variable> values_;
};

}  // namespace probe

// A request in words: as JSON, or as text that looks like the request.

#pragma once

#include <pkernel/address.hpp>
#include <pkernel/json.hpp>
#include <pkernel/stream.hpp>

#include <string>

namespace echo {

// "127.0.0.1:8080", "[::1]:8080", "unix".
inline std::string socket_text(const pk_address& a) {
    const auto ip = pk::ip_text(a);
    std::string out(ip.view());
    if (pk::unmapped(a).family == 6) out = "[" + out + "]";
    if (a.family != 1) out += ":" + std::to_string(a.port);
    return out;
}

inline std::string target(const pk::request& req) {
    std::string out(req.path());
    if (req.has_query()) out += "?";
    return out += req.query();
}

class json_object {
public:
    void text(std::string_view key, std::string_view value) {
        begin(key);
        pk::append_json(out_, value);
    }
    void number(std::string_view key, std::uint64_t value) {
        begin(key);
        out_ += std::to_string(value);
    }
    // A list of pairs, since a name may come several times and order means something.
    void fields(std::string_view key, pk::fields from) {
        begin(key);
        out_ += "[";
        bool first = true;
        for (pk::field f : from.all()) {
            out_ += first ? "[" : ",[";
            pk::append_json(out_, f.name);
            out_ += ",";
            pk::append_json(out_, f.value);
            out_ += "]";
            first = false;
        }
        out_ += "]";
    }
    std::string end() && { return std::move(out_ += "}\n"); }

private:
    void begin(std::string_view key) {
        out_ += out_.empty() ? "{" : ",";
        pk::append_json(out_, key);
        out_ += ":";
    }
    std::string out_;
};

inline std::string as_json(pk::stream& s, std::string_view name, std::uint64_t body_bytes) {
    const pk::request req = s.request();
    json_object o;
    if (!name.empty()) o.text("name", name);
    o.text("listener", req.listener());
    o.text("route", req.route());
    o.text("local", socket_text(req.local()));
    o.text("peer", socket_text(req.peer()));
    o.text("client", pk::ip_text(req.client()));
    o.text("id", req.id());
    o.text("method", req.method());
    o.text("scheme", req.scheme());
    o.text("authority", req.authority());
    o.text("target", target(req));
    o.fields("fields", s.request_fields());
    o.number("body_bytes", body_bytes);
    o.fields("trailers", s.request_trailers());
    return std::move(o).end();
}

inline std::string as_text(pk::stream& s, std::string_view name, std::uint64_t body_bytes) {
    const pk::request req = s.request();
    std::string out;
    if (!name.empty()) out.append(name).append("\n");
    out.append(req.listener()).append(" ").append(socket_text(req.local()));
    out.append(" from ").append(socket_text(req.peer())).append("\n\n");
    out.append(req.method()).append(" ").append(target(req)).append("\n");
    out.append("authority: ").append(req.authority()).append("\n");
    for (pk::field f : s.request_fields().all()) {
        out.append(f.name).append(": ").append(f.value).append("\n");
    }
    out.append("\n").append(std::to_string(body_bytes)).append(" bytes of body\n");
    for (pk::field f : s.request_trailers().all()) {
        out.append(f.name).append(": ").append(f.value).append("\n");
    }
    return out;
}

}  // namespace echo

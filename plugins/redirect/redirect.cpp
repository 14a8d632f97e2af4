// redirect: sends clients that came without TLS to the same place over https.
//
// The new place is written from the canonical request: its host, the port of the config, its path
// and query as they came. It always begins with scheme and host, so a path such as //evil.example
// leads nowhere else (S20).

#include <pkernel/plugin.hpp>

namespace {

// [settings]
struct settings {
    std::uint32_t status = 308;
    std::uint16_t port = 443;
};

constexpr auto schema = pk::schema<settings>(
    pk::status("status", &settings::status,
               "301, 302, 307 or 308. With 307 and 308 a POST stays one.")
        .at_least(301)
        .at_most(308),
    pk::integer("port", &settings::port, "Where https is spoken.").at_least(1));
// [settings]

class redirect {
public:
    explicit redirect(const settings& conf) : status_(conf.status) {
        if (status_ > 302 && status_ < 307) {
            throw pk::config_error("status", std::to_string(status_) +
                                                 " is no redirect to the same resource; use 301, "
                                                 "302, 307 or 308");
        }
        if (conf.port != 443) port_ = ":" + std::to_string(conf.port);
    }

    pk::verdict on_request(pk::stream& s) const {
        const pk::request req = s.request();
        if (req.secure()) return pk::next;
        if (req.host().empty()) return s.reply(400);  // HTTP/1.0 may name no host.
        const bool ipv6 = req.host().find(':') != std::string_view::npos;
        const std::string_view path = req.path().starts_with('/') ? req.path() : "/";
        const std::string_view parts[] = {"https://",
                                          ipv6 ? "[" : "",
                                          req.host(),
                                          ipv6 ? "]" : "",
                                          port_,
                                          path,
                                          req.has_query() ? "?" : "",
                                          req.query()};
        std::size_t size = 0;
        for (std::string_view p : parts) size += p.size();
        char* const place = s.allocate<char>(size);
        if (place == nullptr) return s.reply(414);
        char* at = place;
        for (std::string_view p : parts) at = std::copy(p.begin(), p.end(), at);
        return s.reply(status_, {}, {{"location", std::string_view(place, size)}});
    }

private:
    const std::uint32_t status_;
    std::string port_;
};

}  // namespace

PKERNEL_PLUGIN("redirect", "1.0.0", "Sends clients that came without TLS to https.",
               pk::http_filter<redirect, schema>);

// forwarded: tells the origin who asked, and does not let anybody else tell it.
//
// What the client sent under these names reaches nobody, in any spelling: the kernel moves it to
// `claimed` because the filter vouches for them. It is read only if the peer is a trusted proxy.
// Nothing here allocates.

#include <pkernel/plugin.hpp>

#include "chain.hpp"

namespace {

using forwarded::hop;
using forwarded::hops_max;

enum class source { x_forwarded_for, forwarded };
enum class part { xff, proto, host, port, prefix, real_ip, forwarded };

// [settings]
struct settings {
    std::vector<pk::network> trusted_proxies;
    bool trust_unix = false;
    source read = source::x_forwarded_for;
    std::vector<part> send = {part::xff, part::proto, part::host, part::prefix, part::real_ip};
};

constexpr auto schema = pk::schema<settings>(
    pk::list("trusted_proxies", &settings::trusted_proxies, pk::cidr(),
             "Peers whose own forwarding fields are believed.")
        .main(),
    pk::boolean("trust_unix", &settings::trust_unix,
                "Believe peers on a unix socket, which have no address."),
    pk::choice("read", &settings::read, pk::words("x-forwarded-for", "forwarded"),
               "The list in which trusted proxies say who asked them."),
    pk::list("send", &settings::send,
             pk::words("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                       "x-forwarded-port", "x-forwarded-prefix", "x-real-ip", "forwarded"),
             "Fields that the origin gets."));
// [settings]

constexpr std::string_view names[] = {"x-forwarded-for",  "x-forwarded-proto",  "x-forwarded-host",
                                      "x-forwarded-port", "x-forwarded-prefix", "x-real-ip",
                                      "forwarded"};
constexpr pk_str vouched[] = {pk::str(names[0]), pk::str(names[1]), pk::str(names[2]),
                              pk::str(names[3]), pk::str(names[4]), pk::str(names[5]),
                              pk::str(names[6])};

constexpr bool is_host_byte(char c) {
    return forwarded::is_token_byte(c) || c == ':' || c == '[' || c == ']';
}

template <class F>
constexpr bool each_byte(std::string_view text, F fits) {
    for (char c : text) {
        if (!fits(c)) return false;
    }
    return !text.empty();
}

// What the trusted peer says is its newest word: the last element of the last field.
std::string_view last_claim(pk::stream& s, pk::field_id id) {
    std::string_view last;
    for (pk::field f : s.claimed().each(id)) last = f.value;
    const auto comma = last.rfind(',');
    return pk::trimmed(comma == std::string_view::npos ? last : last.substr(comma + 1));
}

// The fields' values as they will be sent.
struct report {
    std::array<hop, hops_max> hops;  // The nearest first; our peer is not among them.
    std::size_t hop_count = 0;
    std::string_view proto, host, prefix;
    std::uint32_t port = 0;
};

// A value of Forwarded: a token as it is, anything else quoted (RFC 7239 4).
template <std::size_t N>
void put_value(pk::fixed_text<N>& out, std::string_view value) {
    if (each_byte(value, forwarded::is_token_byte)) {
        out << value;
        return;
    }
    out << '"';
    for (char c : value) {
        if (c == '"' || c == '\\') out << '\\';
        out << c;
    }
    out << '"';
}

template <std::size_t N>
void put_for(pk::fixed_text<N>& out, const pk_address& address) {
    const auto ip = pk::ip_text(address);
    out << "for=";
    if (pk::unmapped(address).family == 6) {
        out << "\"[" << ip << "]\"";
    } else {
        out << (address.family == 4 || address.family == 6 ? ip.view() : "unknown");
    }
}

class forwarded_filter {
public:
    explicit forwarded_filter(const settings& conf)
        : trusted_(conf.trusted_proxies), trust_unix_(conf.trust_unix), read_(conf.read) {
        for (part p : conf.send) sends_ |= bit(p);
    }

    std::span<const pk_str> vouches() const { return vouched; }

    pk::verdict on_request(pk::stream& s) const {
        const pk::request req = s.request();
        report r;
        r.proto = req.scheme();
        r.host = req.authority();
        r.port = req.local().port;
        pk_address client = req.peer();
        if (trusts(client)) {
            believe_peer(s, r);
            client = walk(s, r, client);
        }
        pk_status status = s.set_client(client);
        if (status == PK_OK) status = send(s, r, client);
        if (status == PK_OK) return pk::next;
        return s.reply(status == PK_NO_MEMORY ? 431 : 500);
    }

private:
    static constexpr std::uint32_t bit(part p) { return 1u << static_cast<std::uint32_t>(p); }
    bool sends(part p) const { return (sends_ & bit(p)) != 0; }

    bool trusts(const pk_address& address) const {
        if (address.family == 1) return trust_unix_;
        for (const pk::network& n : trusted_) {
            if (n.contains(address)) return true;
        }
        return false;
    }

    // What a trusted peer says about the request as it got it, where it is well formed.
    static void believe_peer(pk::stream& s, report& r) {
        const std::string_view proto = last_claim(s, "x-forwarded-proto");
        if (pk::same_token(proto, "http") || pk::same_token(proto, "https")) r.proto = proto;
        const std::string_view host = last_claim(s, "x-forwarded-host");
        if (each_byte(host, is_host_byte)) r.host = host;
        const std::string_view port = last_claim(s, "x-forwarded-port");
        std::uint32_t number = 0;
        const auto [end, bad] = std::from_chars(port.data(), port.data() + port.size(), number);
        const bool whole = bad == std::errc() && end == port.data() + port.size();
        if (whole && number > 0 && number < 65536) r.port = number;
        const std::string_view prefix = last_claim(s, "x-forwarded-prefix");
        const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
        if (prefix.starts_with('/') && !prefix.starts_with("//") && each_byte(prefix, visible)) {
            r.prefix = prefix;
        }
    }

    // The rightmost address that is none of ours. The list that goes on is kept as far as it can be
    // understood; who asked is decided before anything left of it is looked at.
    pk_address walk(pk::stream& s, report& r, pk_address client) const {
        const bool as_forwarded = read_ == source::forwarded;
        forwarded::from_right list(as_forwarded ? s.claimed().each("forwarded")
                                                : s.claimed().each("x-forwarded-for"));
        bool decided = false;
        while (r.hop_count < hops_max) {
            const auto hop = list.next(as_forwarded);
            if (!hop) break;
            r.hops[r.hop_count++] = *hop;
            if (decided) continue;
            client = pk::unmapped(hop->address);
            decided = !trusts(client);
        }
        return client;
    }

    pk_status send(pk::stream& s, const report& r, const pk_address& client) const {
        const pk::fields out = s.request_fields();
        const pk_address& peer = s.request().peer();
        pk_status status = PK_OK;
        const auto set = [&](part p, pk::field_id id, std::string_view value) {
            if (status == PK_OK && sends(p) && !value.empty()) status = out.set(id, value);
        };
        if (sends(part::xff)) set(part::xff, "x-forwarded-for", addresses(r, peer));
        set(part::proto, "x-forwarded-proto", r.proto);
        set(part::host, "x-forwarded-host", r.host);
        set(part::prefix, "x-forwarded-prefix", r.prefix);
        if (r.port != 0) set(part::port, "x-forwarded-port", pk::fixed_text<8>() << r.port);
        const bool known = client.family == 4 || client.family == 6;
        if (known) set(part::real_ip, "x-real-ip", pk::ip_text(client));
        if (sends(part::forwarded)) set(part::forwarded, "forwarded", elements(r, peer));
        return status;
    }

    using list_text = pk::fixed_text<hops_max * 48>;

    static list_text addresses(const report& r, const pk_address& peer) {
        list_text out;
        for (std::size_t i = r.hop_count; i > 0; --i) {
            out << pk::ip_text(r.hops[i - 1].address) << ", ";
        }
        const auto ip = pk::ip_text(peer);
        out << (peer.family == 4 || peer.family == 6 ? ip.view() : "unknown");
        return out;
    }

    // Each hop as its proxy wrote it, or what an address alone can say; then ours.
    pk::fixed_text<4096> elements(const report& r, const pk_address& peer) const {
        pk::fixed_text<4096> own, out;
        put_for(own, peer);
        own << ";proto=" << r.proto;
        if (!r.host.empty()) {
            own << ";host=";
            put_value(own, r.host);
        }
        for (std::size_t i = r.hop_count; i > 0; --i) {
            const hop& h = r.hops[i - 1];
            if (read_ == source::forwarded) {
                out << h.text;
            } else {
                put_for(out, h.address);
            }
            out << ", ";
        }
        out << own;
        return out.overflowed() ? own : out;
    }

    const std::vector<pk::network> trusted_;
    const bool trust_unix_;
    const source read_;
    std::uint32_t sends_ = 0;
};

}  // namespace

PKERNEL_PLUGIN("forwarded", "1.0.0", "Tells the origin who asked, and lets nobody else tell it.",
               pk::http_filter<forwarded_filter, schema>);

// tls: TLS 1.2 and 1.3 by OpenSSL 3, towards clients (a listener's transport) and towards origins
// (an upstream's).
//
// server.hpp and client.hpp are the two sides, channel.hpp one connection of either.

#include <pkernel/plugin.hpp>

#include "channel.hpp"
#include "client.hpp"
#include "peer.hpp"
#include "server.hpp"

namespace {

class tls_transport {
public:
    static constexpr bool secure = true;
    static constexpr std::string_view needs[] = {PK_TRANSPORT_ID};

    struct state {
        tls::channel channel;
        tls::accepting accepting;
        tls::connecting connecting;
    };

    tls_transport(const tls::settings& conf, pk::host& h)
        : conf_(conf), host_(h), method_(tls::make_bio_method()) {
        if (!method_) throw pk::config_error("OpenSSL: " + tls::take_error());
    }

    void prepare(pk::side side) {
        if (side == pk::side::accept) {
            server_.emplace(conf_, host_);
        } else {
            client_.emplace(conf_, host_);
        }
    }

    void worker_init(std::uint32_t worker) const { tls::records::enter(worker); }
    void worker_exit(std::uint32_t) const { tls::records::leave(); }

    // Ticket keys outlive a reload, so that clients can still resume.
    std::string_view export_state(std::uint32_t& version) {
        version = 1;
        if (server_) exported_ = server_->tickets().export_keys();
        return exported_;
    }
    bool import_state(std::uint32_t version, std::string_view bytes) {
        if (version == 1 && server_) {
            server_->tickets().import_keys(bytes, pk::clock(host_).now());
        }
        return true;
    }

    bool on_open(pk::conn& c, state& s) const {
        if (c.side() == pk::side::accept) {
            if (!server_ || !server_->may_begin()) return false;
            s.accepting = {&*server_, c.raw()};
            return s.channel.begin(server_->begin(s.accepting), method_.get(), c.fd());
        }
        if (!client_) return false;
        return s.channel.begin(client_->begin(c, s.connecting), method_.get(), c.fd());
    }
    pk::io on_handshake(pk::conn& c, state& s) const { return s.channel.handshake(c); }
    pk::io on_read(pk::conn& c, std::span<char> into, std::uint64_t& n, state& s) const {
        return s.channel.read(c, into, n);
    }
    pk::io on_write(pk::conn& c, pk::data bytes, std::uint64_t& n, state& s) const {
        return s.channel.write(c, bytes, n);
    }
    pk::io on_close_write(pk::conn&, state& s) const { return s.channel.close_write(); }

    bool serves(pk::conn& c, std::string_view host, state& s) const {
        return c.side() != pk::side::accept || server_->serves(s.accepting.site, host);
    }

    std::span<const pk_str> variables() const { return tls::variable_names; }
    std::optional<std::string_view> variable(pk::conn&, std::uint32_t index, state& s) const {
        if (!s.channel.established() || index >= std::size(tls::variable_names)) return {};
        std::string& text = tls::records::mine().texts[index];
        if (!tls::variable(s.channel.ssl(), index, text)) return {};
        return text;
    }

private:
    const tls::settings conf_;
    const pk::host host_;
    const tls::bio_method_ptr method_;
    mutable std::optional<tls::server> server_;
    mutable std::optional<tls::client> client_;
    std::string exported_;
};

}  // namespace

PKERNEL_PLUGIN("tls", "1.0.0", "TLS 1.2 and 1.3 towards clients and origins, by OpenSSL.",
               pk::transport<tls_transport, tls::schema>);

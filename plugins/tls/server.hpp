// The accepting side: which certificates and which policy a name gets, laid out when the config is
// read; from then on nothing changes but ticket keys.
//
// A site is what names share: certificates (one of each key type) and the policy for clients. The
// site is chosen from the ClientHello before anything else of it is used, so that a session is
// never resumed under another policy than its own (S22).

#pragma once

#include <pkernel/host.hpp>
#include <pkernel/services.hpp>
#include <pkernel/transport.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "certificate.hpp"
#include "names.hpp"
#include "openssl.hpp"
#include "settings.hpp"
#include "tickets.hpp"

namespace tls {

// What clients must show. Two names with the same policy may share connections and sessions.
struct policy {
    client_mode mode = client_mode::none;
    std::optional<pk::file_content> ca;
    std::array<unsigned char, 32> digest{};  // Of all of it: the CA's bytes, too.

    bool operator==(const policy& other) const noexcept { return digest == other.digest; }
    bool stricter_than(const policy& other) const noexcept { return mode > other.mode; }
};

class server;

// What the callbacks of a connection know; SSL_set_app_data points to it.
struct accepting {
    server* of = nullptr;
    pk_conn* conn = nullptr;
    std::uint32_t site = 0;
    bool named = false;  // By a name that the site is for.
};

class server {
public:
    // Throws pk::config_error.
    server(const settings& conf, const pk::host& h);

    // A connection of its own for a client. False after fail(): more handshakes than allowed.
    bool may_begin();
    ssl_ptr begin(accepting& facts);

    // Whether a connection of the site `mine` may carry requests for `host`.
    bool serves(std::uint32_t mine, std::string_view host) const;
    ticket_ring& tickets() noexcept { return tickets_; }

private:
    struct site {
        context_ptr context;
        std::uint32_t policy;
        std::vector<std::uint32_t> certificates;
    };

    std::uint32_t add_policy(const client_settings& own, const client_settings& usual);
    void read_policies(const settings& conf);
    void read_names(const settings& conf);
    std::uint32_t strictest(std::string_view name, std::uint32_t policy) const;
    std::uint32_t site_for(const std::vector<std::uint32_t>& certificates, std::uint32_t policy);
    context_ptr make_context(const site& s) const;
    std::uint32_t default_site(const settings& conf);

    const pk::host host_;
    const pk::clock clock_;
    const settings conf_;
    ticket_ring tickets_;
    std::vector<certificate> certificates_;
    std::vector<policy> policies_;
    std::vector<std::uint32_t> policy_of_;  // Of each certificate.
    std::vector<site> sites_;               // The first is the default.
    name_table names_;
    std::atomic<std::int64_t> next_allowed_{0};  // Of the rate, ns.

    friend struct server_calls;
};

// Options that both sides of TLS share. Throws pk::config_error at "ciphers" or "curves".
context_ptr make_context(const settings& conf, const SSL_METHOD* method);
// Certificates and key of `c` go into the context. Throws pk::config_error at the file.
void put_certificate(SSL_CTX* ctx, const certificate& c, const certificate_settings& from);
// Makes those who are named in the file the ones to trust.
void trust(SSL_CTX* ctx, const pk::file_content& ca);

}  // namespace tls

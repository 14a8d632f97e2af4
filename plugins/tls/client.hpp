// The connecting side: verifies the origin, and resumes sessions with it.

#pragma once

#include <pkernel/host.hpp>
#include <pkernel/transport.hpp>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "certificate.hpp"
#include "openssl.hpp"
#include "settings.hpp"

namespace tls {

class client;

// What the callbacks of a connection know; SSL_set_app_data points to it.
struct connecting {
    client* of = nullptr;
    std::uint32_t worker = 0;
    std::string peer;  // Whom a session is good for: the endpoint and the name.
};

class client {
public:
    // Throws pk::config_error.
    client(const settings& conf, const pk::host& h);

    // Null: no memory, or the name cannot be verified.
    ssl_ptr begin(const pk::conn& c, connecting& facts);

private:
    static constexpr std::size_t sessions_max = 256;  // A worker.
    using session_table = std::unordered_map<std::string, session_ptr>;

    static int on_session(SSL* ssl, SSL_SESSION* session);
    bool name_peer(SSL* ssl, const std::string& name) const;
    static void offer_protocols(SSL* ssl, const pk::conn& c);

    const std::string server_name_;
    const bool verify_;
    std::optional<certificate> own_;
    context_ptr context_;
    std::vector<session_table> sessions_;  // A worker's own each.
};

}  // namespace tls

// The options of tls, for both sides: a listener has `certificates` to show, an upstream may.

#pragma once

#include <pkernel/schema.hpp>

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace tls {

using namespace std::chrono_literals;

enum class client_mode { none, optional, required };

struct client_settings {
    std::optional<client_mode> mode;
    std::optional<pk::file_content> ca;
};

struct certificate_settings {
    pk::file_content cert;
    pk::file_content key;
    std::vector<std::string_view> hosts;
    std::optional<pk::file_content> ocsp;
    client_settings clients;
};

struct ticket_settings {
    bool enabled = true;
    std::vector<pk::file_content> keys;
    std::chrono::seconds rotate = 12h;
    std::chrono::seconds lifetime = 24h;
};

enum class version { tls1_2, tls1_3 };

struct settings {
    std::vector<certificate_settings> certificates;
    client_settings clients;
    ticket_settings tickets;
    std::optional<pk::rate_value> handshake_rate;
    version min_version = version::tls1_2;
    std::vector<std::string_view> ciphers;
    std::vector<std::string_view> curves;
    bool verify = true;
    std::optional<pk::file_content> ca;
    std::string_view server_name;
};

inline constexpr auto client_schema = pk::schema<client_settings>(
    pk::choice("mode", &client_settings::mode, pk::words("none", "optional", "required"),
               "Whether clients show a certificate; optional: one that is shown must be good."),
    pk::file("ca", &client_settings::ca, "PEM certificates of those who sign clients."));

inline constexpr auto certificate_schema = pk::schema<certificate_settings>(
    pk::file("cert", &certificate_settings::cert,
             "PEM chain: the certificate first, then each signer of the one before.")
        .required(),
    pk::file("key", &certificate_settings::key, "PEM private key, without passphrase.")
        .required()
        .secret(),
    pk::list("hosts", &certificate_settings::hosts, pk::text(),
             "Names that it is for, a.example.com or *.example.com; else those it holds."),
    pk::file("ocsp", &certificate_settings::ocsp, "DER answer of the OCSP responder, to staple."),
    pk::table<client_schema>("client_certificates", &certificate_settings::clients,
                             "For its names, in place of the listener's."));

inline constexpr auto ticket_schema = pk::schema<ticket_settings>(
    pk::boolean("enabled", &ticket_settings::enabled, "Lets clients resume sessions."),
    pk::list("keys", &ticket_settings::keys, pk::file(),
             "80 random bytes each, shared by several machines; the first one seals. Else random.")
        .secret(),
    pk::duration("rotate", &ticket_settings::rotate, "How long a random key seals.").at_least(1s),
    pk::duration("lifetime", &ticket_settings::lifetime, "How long a session may be resumed.")
        .at_least(1s)
        .at_most(7 * 24h));

inline constexpr auto schema = pk::schema<settings>(
    pk::list("certificates", &settings::certificates, pk::table<certificate_schema>(),
             "Listener: to choose from by name, the first is the default. Upstream: at most one.")
        .main(),
    pk::table<client_schema>("client_certificates", &settings::clients,
                             "Listener: what is asked of clients."),
    pk::table<ticket_schema>("session_tickets", &settings::tickets, "Listener: resumption."),
    pk::rate("handshake_rate", &settings::handshake_rate,
             "Listener: handshakes begun, of all workers together; more are refused."),
    pk::choice("min_version", &settings::min_version, pk::words("1.2", "1.3"),
               "The oldest TLS that is spoken."),
    pk::list("ciphers", &settings::ciphers, pk::text(),
             "Suites of TLS 1.2, by OpenSSL's names; ECDHE with AEAD only. Else Mozilla's."),
    pk::list("curves", &settings::curves, pk::text(),
             "Groups for the key exchange, in order. Else X25519, P-256, P-384."),
    pk::boolean("verify", &settings::verify,
                "Upstream: the origin's certificate must be good and bear its name."),
    pk::file("ca", &settings::ca,
             "Upstream: PEM certificates that the origin's must be signed by; else the system's."),
    pk::text("server_name", &settings::server_name,
             "Upstream: the name to send and to verify; else the endpoint's."));

}  // namespace tls

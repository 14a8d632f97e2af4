// What a client sends before it is known: any bytes, in any pieces, end in a failure, a wish for
// more, or an established connection, and whatever is written stays within the socket.
//
// The first byte of the input says how long the first piece is.

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "channel.hpp"
#include "fuzz_check.hpp"
#include "server.hpp"
#include "test_authority.hpp"

#include <pkernel/abi/clock.h>

namespace {

using namespace tls::testing;

const pk_clock clock_table{sizeof(pk_clock), 0, [](const pk_host*) -> std::uint64_t { return 1; },
                           [](const pk_host*) -> std::uint64_t { return 1; }};

const pk_host raw_host{sizeof(pk_host),
                       1,
                       [](const pk_host*, pk_str id) -> const void* {
                           return pk::view(id) == PK_CLOCK_ID ? &clock_table : nullptr;
                       },
                       [](const pk_host*, const pk_node*, pk_str) {},
                       [](const pk_host*, const pk_node*, pk_str) {},
                       [](const pk_host*, pk_str) {},
                       {"fuzz", 4}};

const pk_str protocols[] = {pk::str("h2"), pk::str("http/1.1")};

const pk_conn_api api{sizeof(pk_conn_api),
                      0,
                      [](pk_conn*, std::uint32_t* n) { return *n = 2, &protocols[0]; },
                      [](pk_conn*, pk_str) -> pk_status { return PK_OK; },
                      [](pk_conn*) { return pk_str{}; },
                      [](pk_conn*) { return pk::str("place"); },
                      [](pk_conn*) { return pk_address{}; },
                      [](pk_conn*) {},
                      [](pk_conn*) { return pk_waker{}; },
                      [](pk_conn*, const pk_conn_job*) -> pk_status { return PK_UNSUPPORTED; },
                      [](pk_conn*, std::uint32_t, pk_str text) { FUZZ_CHECK(text.size > 0); },
                      [](pk_conn*) { return 0u; }};

// Two names, one of which asks clients for a certificate.
struct world {
    std::string open_cert, open_key, shut_cert, shut_key, ca;
    tls::bio_method_ptr method = tls::make_bio_method();
    std::optional<tls::server> server;

    world() {
        const auto open = make({.subject = "a", .names = "DNS:a.test"});
        const auto shut = make({.subject = "b", .names = "DNS:*.b.test"});
        open_cert = open.cert_pem(), open_key = open.key_pem();
        shut_cert = shut.cert_pem(), shut_key = shut.key_pem();
        ca = make({.subject = "ca", .ca = true}).cert_pem();
        tls::settings conf;
        conf.certificates.resize(2);
        conf.certificates[0].cert = {open_cert, "a.pem"};
        conf.certificates[0].key = {open_key, "a.key"};
        conf.certificates[1].cert = {shut_cert, "b.pem"};
        conf.certificates[1].key = {shut_key, "b.key"};
        conf.certificates[1].clients.ca = pk::file_content{ca, "ca.pem"};
        server.emplace(conf, pk::host(&raw_host));
        tls::records::enter(0);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static world w;
    if (size < 2) return 0;
    int fds[2];
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    pk_conn raw{&api, nullptr, nullptr, fds[0], PK_SIDE_ACCEPT};
    const pk::conn c(&raw);
    tls::accepting facts{&*w.server, &raw};
    {
        tls::channel channel;
        FUZZ_CHECK(channel.begin(w.server->begin(facts), w.method.get(), fds[0]));
        const std::size_t first = std::min<std::size_t>(data[0], size - 1);
        pk::io answer = pk::io::want_read;
        const std::pair<const std::uint8_t*, std::size_t> pieces[] = {
            {data + 1, first}, {data + 1 + first, size - 1 - first}};
        for (const auto& [at, n] : pieces) {
            if (answer != pk::io::want_read) break;
            if (n > 0) FUZZ_CHECK(::send(fds[1], at, n, 0) == static_cast<ssize_t>(n));
            answer = channel.handshake(c);
            FUZZ_CHECK(answer == pk::io::want_read || answer == pk::io::failed ||
                       answer == pk::io::complete);
        }
        if (answer == pk::io::want_read) {
            ::shutdown(fds[1], SHUT_WR);
            FUZZ_CHECK(channel.handshake(c) == pk::io::failed);
        }
    }
    ::close(fds[0]);
    ::close(fds[1]);
    FUZZ_CHECK(ERR_peek_error() == 0);
    return 0;
}

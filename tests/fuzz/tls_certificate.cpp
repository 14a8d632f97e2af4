// Files of the tls plugin: any bytes for a chain, a key or an OCSP answer are taken or refused with
// a sentence on one line, never with what the file holds.

#include <cstring>
#include <string>
#include <string_view>

#include "certificate.hpp"
#include "fuzz_check.hpp"
#include "test_authority.hpp"

#include <pkernel/host.hpp>

namespace {

const tls::testing::identity& good() {
    static const auto made = tls::testing::make({.subject = "good", .names = "DNS:a.test"});
    return made;
}

void load(const tls::certificate_settings& from) {
    try {
        const tls::certificate c = tls::load(from, [](const pk::file_content&, const auto&) {});
        FUZZ_CHECK(c.leaf && c.key);
        FUZZ_CHECK(X509_check_private_key(c.leaf.get(), c.key.get()) == 1);
    } catch (const pk::config_error& e) {
        const std::string_view said = e.what();
        FUZZ_CHECK(!said.empty() && said.find('\n') == std::string_view::npos);
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string cert = good().cert_pem(), key = good().key_pem();
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::string chain = cert + std::string(bytes);
    load({.cert = {bytes, "c"}, .key = {key, "k"}, .hosts = {}, .ocsp = {}, .clients = {}});
    load({.cert = {chain, "c"}, .key = {key, "k"}, .hosts = {}, .ocsp = {}, .clients = {}});
    load({.cert = {cert, "c"}, .key = {bytes, "k"}, .hosts = {}, .ocsp = {}, .clients = {}});
    load({.cert = {cert, "c"},
          .key = {key, "k"},
          .hosts = {},
          .ocsp = pk::file_content{bytes, "o"},
          .clients = {}});
    return 0;
}

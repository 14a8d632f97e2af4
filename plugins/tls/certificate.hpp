// A certificate with its chain and key, read from PEM and checked as a whole. [control]

#pragma once

#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "openssl.hpp"
#include "settings.hpp"

namespace tls {

struct certificate {
    x509_ptr leaf;
    std::vector<x509_ptr> chain;  // Signers of the leaf, in order.
    key_ptr key;
    std::vector<std::string> names;  // DNS names that it bears, or else its CN; lower case.
    struct {
        std::string answer;                                           // To staple; may be empty.
        std::time_t until = std::numeric_limits<std::time_t>::max();  // Then it says nothing.
    } ocsp;

    // EVP_PKEY_EC, EVP_PKEY_RSA, ...: a context holds one of each kind.
    int kind() const noexcept { return EVP_PKEY_get_base_id(key.get()); }
};

// Throws pk::config_error at the file that is to blame. `warn(file, sentence)` hears of what works
// today but is likely a mistake.
template <class Warn>
certificate load(const certificate_settings& from, Warn warn);

// PEM certificates, at least one, or an error at the file.
std::vector<x509_ptr> read_certificates(const pk::file_content& file);
key_ptr read_key(const pk::file_content& file);
// Says no to a chain out of order and to a key of another certificate.
void check_chain(const certificate& c, const certificate_settings& from);
std::vector<std::string> names_of(X509* leaf);
// Checks that the answer is one for this certificate, and keeps it there.
void read_ocsp(const pk::file_content& file, certificate& c);
// Empty, or why the certificate is not valid now.
std::string validity_of(X509* x);

template <class Warn>
certificate load(const certificate_settings& from, Warn warn) {
    certificate c;
    std::vector<x509_ptr> all = read_certificates(from.cert);
    c.leaf = std::move(all.front());
    for (std::size_t i = 1; i < all.size(); ++i) c.chain.push_back(std::move(all[i]));
    c.key = read_key(from.key);
    check_chain(c, from);
    c.names = names_of(c.leaf.get());
    if (const auto why = validity_of(c.leaf.get()); !why.empty()) warn(from.cert, why);
    for (const x509_ptr& signer : c.chain) {
        if (const auto why = validity_of(signer.get()); !why.empty()) warn(from.cert, why);
    }
    if (from.ocsp) {
        read_ocsp(*from.ocsp, c);
        if (c.ocsp.until < std::time(nullptr)) {
            warn(*from.ocsp, "the OCSP answer is out of date and not stapled: renew it");
        }
    }
    return c;
}

}  // namespace tls

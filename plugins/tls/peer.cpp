#include "peer.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

namespace tls {
namespace {

std::string_view text(const ASN1_STRING* s) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)),
            static_cast<std::size_t>(ASN1_STRING_length(s))};
}

// RFC 4514, control bytes and what is not ASCII escaped.
bool subject(X509* x, std::string& into) {
    const bio_ptr out(BIO_new(BIO_s_mem()));
    if (!out || X509_NAME_print_ex(out.get(), X509_get_subject_name(x), 0,
                                   XN_FLAG_RFC2253 | ASN1_STRFLGS_ESC_CTRL) < 0) {
        return false;
    }
    char* at = nullptr;
    const long size = BIO_get_mem_data(out.get(), &at);
    into.assign(at, static_cast<std::size_t>(size));
    return !into.empty();
}

// Names that could be taken for several, or hold control bytes, are left out.
void add(std::string_view kind, std::string_view name, std::string& into) {
    for (char c : name) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == ',') return;
    }
    if (!into.empty()) into += ", ";
    into.append(kind).append(name);
}

bool alternative_names(X509* x, std::string& into) {
    into.clear();
    const owned<GENERAL_NAMES, GENERAL_NAMES_free> all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
        if (name->type == GEN_DNS) add("DNS:", text(name->d.dNSName), into);
        if (name->type == GEN_EMAIL) add("email:", text(name->d.rfc822Name), into);
        if (name->type == GEN_URI) add("URI:", text(name->d.uniformResourceIdentifier), into);
        if (name->type != GEN_IPADD) continue;
        const auto bytes = text(name->d.iPAddress);
        char shown[INET6_ADDRSTRLEN];
        if (inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), shown, sizeof shown) &&
            (bytes.size() == 4 || bytes.size() == 16)) {
            add("IP:", shown, into);
        }
    }
    return !into.empty();
}

bool fingerprint(X509* x, std::string& into) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(x, EVP_sha256(), digest, &size) != 1) return false;
    into.clear();
    for (unsigned i = 0; i < size; ++i) {
        constexpr char digits[] = "0123456789abcdef";
        into.push_back(digits[digest[i] >> 4]);
        into.push_back(digits[digest[i] & 15]);
    }
    return true;
}

}  // namespace

bool variable(SSL* ssl, std::uint32_t index, std::string& into) {
    const auto put = [&](const char* s) {
        if (s == nullptr) return false;
        into = s;
        return true;
    };
    if (index == 0) return put(SSL_get_version(ssl));
    if (index == 1) return put(SSL_get_cipher_name(ssl));
    if (index == 2) return put(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    X509* x = SSL_get0_peer_certificate(ssl);
    if (x == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return false;
    if (index == 3) return subject(x, into);
    if (index == 4) return alternative_names(x, into);
    return fingerprint(x, into);
}

}  // namespace tls

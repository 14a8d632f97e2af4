// For tests: makes keys, certificates and chains, and PEM files of them. Nothing of it is kept.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "openssl.hpp"

namespace tls::testing {

struct request {
    std::string subject = "test";
    std::string names = {};  // "DNS:a.test,DNS:*.b.test"
    bool rsa = false;
    bool ca = false;
    long from = -3600, until = 3600;  // Seconds from now.
};

struct identity {
    key_ptr key;
    x509_ptr cert;

    std::string cert_pem() const {
        return text([this](BIO* b) { return PEM_write_bio_X509(b, cert.get()); });
    }
    std::string key_pem() const {
        return text([this](BIO* b) {
            return PEM_write_bio_PKCS8PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr,
                                                 nullptr);
        });
    }
    std::string locked_key_pem() const {
        return text([this](BIO* b) {
            char word[] = "secret";
            return PEM_write_bio_PKCS8PrivateKey(b, key.get(), EVP_aes_128_cbc(), word, 6, nullptr,
                                                 nullptr);
        });
    }

private:
    template <class Write>
    static std::string text(Write write) {
        const bio_ptr b(BIO_new(BIO_s_mem()));
        if (write(b.get()) != 1) throw std::runtime_error("PEM");
        char* at = nullptr;
        const long size = BIO_get_mem_data(b.get(), &at);
        return {at, static_cast<std::size_t>(size)};
    }
};

// Signed by `signer`, or by itself.
inline identity make(const request& about, const identity* signer = nullptr) {
    static long serial = 1000;
    identity made;
    made.key.reset(about.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
    made.cert.reset(X509_new());
    X509* x = made.cert.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), about.from);
    X509_gmtime_adj(X509_getm_notAfter(x), about.until);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(about.subject.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(signer ? signer->cert.get() : x));
    X509_set_pubkey(x, made.key.get());
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, signer ? signer->cert.get() : x, x, nullptr, nullptr, 0);
    const auto extend = [&](int nid, const std::string& value) {
        const owned<X509_EXTENSION, X509_EXTENSION_free> e(
            X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str()));
        if (!e || X509_add_ext(x, e.get(), -1) != 1) throw std::runtime_error("extension");
    };
    extend(NID_basic_constraints, about.ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (about.ca) extend(NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!about.names.empty()) extend(NID_subject_alt_name, about.names);
    if (X509_sign(x, signer ? signer->key.get() : made.key.get(), EVP_sha256()) == 0) {
        throw std::runtime_error("sign");
    }
    return made;
}

// "Good", by the signer itself, in DER.
inline std::string ocsp_answer(const identity& of, const identity& signer, long until) {
    const ocsp_basic_ptr basic(OCSP_BASICRESP_new());
    const owned<OCSP_CERTID, OCSP_CERTID_free> id(
        OCSP_cert_to_id(nullptr, of.cert.get(), signer.cert.get()));
    const owned<ASN1_TIME, ASN1_TIME_free> from(X509_gmtime_adj(nullptr, -3600)),
        next(X509_gmtime_adj(nullptr, until));
    if (!OCSP_basic_add1_status(basic.get(), id.get(), V_OCSP_CERTSTATUS_GOOD, 0, nullptr,
                                from.get(), next.get()) ||
        OCSP_basic_sign(basic.get(), signer.cert.get(), signer.key.get(), EVP_sha256(), nullptr,
                        0) != 1) {
        throw std::runtime_error("OCSP");
    }
    const ocsp_response_ptr whole(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
    unsigned char* der = nullptr;
    const int size = i2d_OCSP_RESPONSE(whole.get(), &der);
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
}

// A directory that goes with the object.
class folder {
public:
    folder() {
        char name[] = "/tmp/tls-test-XXXXXX";
        if (mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    ~folder() { std::filesystem::remove_all(path_); }
    folder(const folder&) = delete;

    // The path of a new file with these bytes.
    std::string put(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
        return path_ + "/" + name;
    }
    // "{cert: ..., key: ...}" of two new files.
    std::string pair(const std::string& name, const identity& who,
                     const std::string& chain = {}) const {
        return "cert: " + put(name + ".pem", who.cert_pem() + chain) +
               ", key: " + put(name + ".key", who.key_pem());
    }

private:
    std::string path_;
};

}  // namespace tls::testing

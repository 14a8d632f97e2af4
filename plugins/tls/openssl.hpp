// Owners of OpenSSL's objects, and its errors as one sentence.

#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace tls {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};

template <class T, auto Free>
using owned = std::unique_ptr<T, freed_by<Free>>;

using bio_ptr = owned<BIO, BIO_free>;
using bio_method_ptr = owned<BIO_METHOD, BIO_meth_free>;
using context_ptr = owned<SSL_CTX, SSL_CTX_free>;
using cipher_ctx_ptr = owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using key_ptr = owned<EVP_PKEY, EVP_PKEY_free>;
using ocsp_response_ptr = owned<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using ocsp_basic_ptr = owned<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using session_ptr = owned<SSL_SESSION, SSL_SESSION_free>;
using ssl_ptr = owned<SSL, SSL_free>;
using x509_ptr = owned<X509, X509_free>;

inline bio_ptr memory(std::string_view bytes) {
    return bio_ptr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// The last error of this thread in words, and the queue emptied. Never holds secrets.
inline std::string take_error() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

}  // namespace tls

#include "certificate.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <pkernel/host.hpp>

#include <algorithm>
#include <array>

namespace tls {
namespace {

// OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

std::string shown(const pk::file_content& file) {
    return "'" + std::string(file.path) + "'";
}

std::string shown_name(const X509_NAME* name) {
    char line[256];
    X509_NAME_oneline(name, line, sizeof line);
    return line;
}

std::string shown_time(const ASN1_TIME* t) {
    tm parts{};
    char line[32];
    if (ASN1_TIME_to_tm(t, &parts) != 1) return "an unreadable date";
    return {line, std::strftime(line, sizeof line, "%Y-%m-%d %H:%M UTC", &parts)};
}

std::string lowered(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), pk::lower);
    return text;
}

// As clients do that still look at it, OpenSSL among them: of a certificate that has no other.
void add_common_name(X509* leaf, std::vector<std::string>& names) {
    char name[TLSEXT_MAXLEN_host_name + 1];
    const int size =
        X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, name, sizeof name);
    std::string text = lowered({name, size > 0 ? static_cast<std::size_t>(size) : 0});
    const auto strange = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._*");
    if (strange == text.npos && !text.empty()) names.push_back(std::move(text));
}

// What the answer says of the certificate, or null. SHA-1 is what OCSP answers name certificates by
// unless they say otherwise.
OCSP_SINGLERESP* about(OCSP_BASICRESP* basic, const certificate& c) {
    for (int i = 0; i < OCSP_resp_count(basic); ++i) {
        OCSP_SINGLERESP* one = OCSP_resp_get0(basic, i);
        const OCSP_CERTID* id = OCSP_SINGLERESP_get0_id(one);
        ASN1_INTEGER* serial = nullptr;
        OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(id));
        if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(c.leaf.get())) == 0) return one;
    }
    return nullptr;
}

}  // namespace

std::vector<x509_ptr> read_certificates(const pk::file_content& file) {
    std::vector<x509_ptr> all;
    const bio_ptr in = memory(file.bytes);
    bool asked = false;
    while (X509* x = PEM_read_bio_X509(in.get(), nullptr, no_passphrase, &asked)) {
        all.emplace_back(x);
    }
    const auto code = ERR_peek_last_error();
    const bool at_end =
        ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    const std::string why = take_error();
    if (!at_end) {
        throw pk::config_error(file, shown(file) + ": certificate " +
                                         std::to_string(all.size() + 1) + " is damaged: " + why);
    }
    if (all.empty()) throw pk::config_error(file, shown(file) + " holds no PEM certificate");
    return all;
}

key_ptr read_key(const pk::file_content& file) {
    bool asked = false;
    const bio_ptr in = memory(file.bytes);
    key_ptr key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &asked));
    ERR_clear_error();  // Its reasons tell nothing to whoever wrote the config.
    if (key) return key;
    throw pk::config_error(
        file, shown(file) + (asked ? " needs a passphrase; a key without one is expected"
                                   : " holds no PEM private key, or a damaged one"));
}

void check_chain(const certificate& c, const certificate_settings& from) {
    if (X509_check_private_key(c.leaf.get(), c.key.get()) != 1) {
        ERR_clear_error();
        for (std::size_t i = 0; i < c.chain.size(); ++i) {
            if (X509_check_private_key(c.chain[i].get(), c.key.get()) != 1) continue;
            throw pk::config_error(from.cert, shown(from.cert) + " is in the wrong order: the " +
                                                  "key belongs to certificate " +
                                                  std::to_string(i + 2) + ", which must be first");
        }
        ERR_clear_error();
        throw pk::config_error(from.key, shown(from.key) + " is not the key of the certificate " +
                                             "in " + shown(from.cert));
    }
    X509* last = c.leaf.get();
    for (std::size_t i = 0; i < c.chain.size(); ++i) {
        X509* next = c.chain[i].get();
        if (X509_check_issued(next, last) != X509_V_OK) {
            throw pk::config_error(from.cert, shown(from.cert) +
                                                  " is in the wrong order: certificate " +
                                                  std::to_string(i + 2) + " (" +
                                                  shown_name(X509_get_subject_name(next)) +
                                                  ") did not sign the one before it; needed is " +
                                                  shown_name(X509_get_issuer_name(last)));
        }
        last = next;
    }
    ERR_clear_error();
}

std::vector<std::string> names_of(X509* leaf) {
    std::vector<std::string> names;
    const owned<GENERAL_NAMES, GENERAL_NAMES_free> all(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
        if (name->type != GEN_DNS) continue;
        std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                         static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        names.push_back(lowered(std::move(text)));
    }
    if (names.empty()) add_common_name(leaf, names);
    return names;
}

void read_ocsp(const pk::file_content& file, certificate& c) {
    const auto* at = reinterpret_cast<const unsigned char*>(file.bytes.data());
    const ocsp_response_ptr answer(
        d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(file.bytes.size())));
    ERR_clear_error();
    if (!answer) throw pk::config_error(file, shown(file) + " is not an OCSP answer in DER");
    if (OCSP_response_status(answer.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        throw pk::config_error(file, shown(file) + " says that the OCSP request failed");
    }
    const ocsp_basic_ptr basic(OCSP_response_get1_basic(answer.get()));
    ERR_clear_error();
    OCSP_SINGLERESP* const status = basic ? about(basic.get(), c) : nullptr;
    if (!status) throw pk::config_error(file, shown(file) + " is about another certificate");
    c.ocsp.answer = file.bytes;
    ASN1_GENERALIZEDTIME* next = nullptr;
    OCSP_single_get0_status(status, nullptr, nullptr, nullptr, &next);
    tm parts{};
    if (next && ASN1_TIME_to_tm(next, &parts) == 1) c.ocsp.until = timegm(&parts);
}

std::string validity_of(X509* x) {
    const auto whose = [x] { return "the certificate of " + shown_name(X509_get_subject_name(x)); };
    if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0) {
        return whose() + " expired on " + shown_time(X509_get0_notAfter(x));
    }
    if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0) {
        return whose() + " is not valid before " + shown_time(X509_get0_notBefore(x));
    }
    return {};
}

}  // namespace tls

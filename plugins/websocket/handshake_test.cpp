#include "handshake.hpp"

#include <boost/test/unit_test.hpp>

using namespace websocket;

namespace {

std::string hex(const std::array<unsigned char, 20>& digest) {
    std::string out;
    for (const unsigned char c : digest) {
        out += "0123456789abcdef"[c >> 4];
        out += "0123456789abcdef"[c & 15];
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(handshake)

BOOST_AUTO_TEST_CASE(the_digest_is_that_of_rfc_3174) {
    BOOST_TEST(hex(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    BOOST_TEST(hex(sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    BOOST_TEST(hex(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    BOOST_TEST(hex(sha1(std::string(1000, 'a'))) == "291e9a6c66994949b57ba5e650361e98fc36b1ba");
    BOOST_TEST(hex(sha1(std::string(64, 'a'))) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

BOOST_AUTO_TEST_CASE(the_proof_is_that_of_rfc_6455) {
    BOOST_TEST(accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

BOOST_AUTO_TEST_CASE(base64_has_its_padding) {
    BOOST_TEST(base64("") == "");
    BOOST_TEST(base64("f") == "Zg==");
    BOOST_TEST(base64("fo") == "Zm8=");
    BOOST_TEST(base64("foo") == "Zm9v");
    BOOST_TEST(is_key(base64("0123456789abcdef")));
}

BOOST_AUTO_TEST_CASE(a_key_is_16_bytes_in_base64) {
    BOOST_TEST(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
    for (const char* not_one :
         {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZR==",
          "dGhlIHNhbXBsZSBub25j!Q==", "AAAAdGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==="})
        BOOST_TEST(!is_key(not_one), not_one);
}

BOOST_AUTO_TEST_CASE(origins_are_compared_whole) {
    BOOST_TEST(allows("https://a.example", "https://A.example", {"http", "x"}));
    for (const char* other : {"http://a.example", "https://a.example:8443", "https://b.example",
                              "https://a.example.evil", "null", "", "a.example"})
        BOOST_TEST(!allows("https://a.example", other, {"http", "x"}), other);
    // The port of a scheme, which browsers leave out.
    BOOST_TEST(allows("https://a.example:443", "https://a.example", {"http", "x"}));
    BOOST_TEST(allows("http://a.example:80", "http://a.example", {"http", "x"}));
    BOOST_TEST(!allows("http://a.example:443", "https://a.example", {"http", "x"}));
    BOOST_TEST(!allows("https://a.example:80", "https://a.example", {"http", "x"}));
    BOOST_TEST(allows("*.example.com", "https://a.b.example.com:8443", {"http", "x"}));
    for (const char* other : {"https://example.com", "https://evilexample.com",
                              "https://a.example.com.evil", "https://.example.com/"})
        BOOST_TEST(!allows("*.example.com", other, {"http", "x"}), other);
}

// RFC 6454: scheme, host and port, the port of a scheme being its default one.
BOOST_AUTO_TEST_CASE(same_is_the_origin_that_is_asked) {
    const asked plain{"http", "Shop.example"}, secure{"https", "Shop.example"};
    BOOST_TEST(allows("same", "http://shop.example", plain));
    BOOST_TEST(allows("same", "https://shop.example", secure));
    BOOST_TEST(allows("same", "https://shop.example", plain));  // TLS ended before us.
    BOOST_TEST(!allows("same", "http://shop.example", secure));
    BOOST_TEST(!allows("same", "http://shop.example:443", secure));
    BOOST_TEST(!allows("same", "app://shop.example", plain));
    BOOST_TEST(!allows("same", "https://evil.example", secure));
    BOOST_TEST(!allows("same", "null", {"http", ""}));
    const asked port{"http", "shop.example:8080"};
    BOOST_TEST(allows("same", "http://shop.example:8080", port));
    BOOST_TEST(!allows("same", "http://shop.example", port));
    BOOST_TEST(!allows("same", "http://shop.example:8081", port));
    BOOST_TEST(allows("same", "https://shop.example", {"https", "shop.example:443"}));
    BOOST_TEST(allows("same", "http://shop.example", {"http", "shop.example:80"}));
    BOOST_TEST(!allows("same", "http://shop.example", {"http", "shop.example:443"}));
    BOOST_TEST(!allows("same", "https://shop.example", {"https", "shop.example:80"}));
    BOOST_TEST(allows("same", "http://[::1]:8080", {"http", "[::1]:8080"}));
}

BOOST_AUTO_TEST_CASE(an_entry_is_an_origin) {
    for (const char* good : {"same", "*.example.com", "https://a.example:1", "http://[::1]:80"})
        BOOST_TEST(is_origin_entry(good), good);
    for (const char* bad : {"", "example.com", "*.", "*", "https://", "https://a.example/path",
                            "https://m\xc3\xbcnchen.example", "*.m\xc3\xbcnchen.example"})
        BOOST_TEST(!is_origin_entry(bad), bad);
}

BOOST_AUTO_TEST_CASE(a_list_is_searched_by_whole_elements) {
    BOOST_TEST(lists("chat, superchat", "superchat"));
    BOOST_TEST(!lists("chat, superchat", "super"));
    BOOST_TEST(!lists("", "chat"));
}

BOOST_AUTO_TEST_SUITE_END()

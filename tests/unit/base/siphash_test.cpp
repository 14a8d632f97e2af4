// SipHash against the vectors of its authors (key 00..0f, input 00, 01, 02...).

#include "kernel/base/siphash.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace pkernel;

namespace {

constexpr base::siphash_key reference_key{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

std::string counting(std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(i);
    return out;
}

template <class Hash>
std::uint64_t digest(std::string_view text) {
    Hash hash(reference_key);
    hash.add(text);
    return hash.digest();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(siphash)

BOOST_AUTO_TEST_CASE(agrees_with_the_published_vectors) {
    using siphash_2_4 = base::basic_siphash<2, 4>;
    BOOST_TEST(digest<siphash_2_4>("") == 0x726fdb47dd0e0e31u);
    BOOST_TEST(digest<siphash_2_4>(counting(1)) == 0x74f839c593dc67fdu);
    BOOST_TEST(digest<siphash_2_4>(counting(15)) == 0xa129ca6149be45e5u);
    BOOST_TEST(digest<base::siphash>("") == 0xabac0158050fc4dcu);
}

BOOST_AUTO_TEST_CASE(pieces_hash_as_their_whole_and_each_beginning_has_its_digest) {
    const auto text = counting(61);
    for (std::size_t step = 1; step < 20; ++step) {
        base::siphash hash(reference_key);
        for (std::size_t at = 0; at < text.size(); at += step) {
            hash.add(std::string_view(text).substr(at, step));
            const auto so_far = text.substr(0, at + step);
            BOOST_TEST_REQUIRE(hash.digest() == digest<base::siphash>(so_far));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_key_of_a_process_is_drawn_once) {
    const auto& key = base::process_siphash_key();
    BOOST_TEST((key.first | key.second) != 0u);
    BOOST_TEST(base::process_siphash_key().first == key.first);
}

BOOST_AUTO_TEST_SUITE_END()

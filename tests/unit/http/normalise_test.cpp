// What leaves a message before it is passed on.

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#include "kernel/http/normalise.hpp"

using namespace pkernel;

namespace {

struct message {
    base::block_pool pool;
    base::arena arena{pool};
    http::fields fields{arena};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(normalise)

BOOST_AUTO_TEST_CASE(one_of_several_equal_lengths_stays) {
    message m;
    m.fields.append("Content-Length", "2");
    m.fields.append("A", "b");
    m.fields.append("content-length", "2");
    http::normalise_length(m.fields, {http::body_kind::length, 2, true}, 200);
    BOOST_TEST(m.fields.size() == 2u);
    BOOST_TEST(m.fields.find(PK_FIELD_CONTENT_LENGTH) == m.fields.begin());
}

BOOST_AUTO_TEST_CASE(no_length_in_a_204_or_beside_chunked) {
    for (const bool chunked : {false, true}) {
        message m;
        m.fields.append("Content-Length", "2");
        const auto kind = chunked ? http::body_kind::chunked : http::body_kind::none;
        http::normalise_length(m.fields, {kind, 0, true}, chunked ? 200 : 204);
        BOOST_TEST(m.fields.empty());
    }
}

BOOST_AUTO_TEST_CASE(the_length_of_a_304_or_head_stays) {
    message m;
    m.fields.append("Content-Length", "2");
    http::normalise_length(m.fields, {http::body_kind::none, 0, true}, 304);
    BOOST_TEST(m.fields.size() == 1u);
}

BOOST_AUTO_TEST_CASE(trailers_lose_what_decides_about_the_message) {
    message m;
    m.fields.append("Content-Length", "5");
    m.fields.append("X-Checksum", "abc");
    m.fields.append("Authorization", "Basic x");
    http::remove_forbidden_trailers(m.fields);
    BOOST_TEST(m.fields.size() == 1u);
    BOOST_TEST(http::to_view(m.fields[0].name) == "X-Checksum");
}

BOOST_AUTO_TEST_SUITE_END()

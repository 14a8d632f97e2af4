// The layout of the ABI's first words: a plugin built against 1.0 must find them unchanged.

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#include <cstddef>

#include "pkernel/abi/base.h"

BOOST_AUTO_TEST_SUITE(abi_base)

BOOST_AUTO_TEST_CASE(a_string_is_pointer_then_size) {
    BOOST_TEST(offsetof(pk_str, data) == 0u);
    BOOST_TEST(offsetof(pk_str, size) == 8u);
    BOOST_TEST(sizeof(pk_str) == 16u);
}

BOOST_AUTO_TEST_CASE(a_field_is_name_value_id_flags) {
    BOOST_TEST(offsetof(pk_field, name) == 0u);
    BOOST_TEST(offsetof(pk_field, value) == 16u);
    BOOST_TEST(offsetof(pk_field, id) == 32u);
    BOOST_TEST(sizeof(pk_field) == 40u);
}

BOOST_AUTO_TEST_CASE(a_view_carries_its_stride) {
    BOOST_TEST(offsetof(pk_field_view, count) == 8u);
    BOOST_TEST(offsetof(pk_field_view, stride) == 12u);
}

BOOST_AUTO_TEST_SUITE_END()

#define BOOST_TEST_DYN_LINK
#define BOOST_TEST_MODULE pkernel_plugin
#include <boost/test/unit_test.hpp>

#include "kernel/base/guess.hpp"

#include <boost/test/unit_test.hpp>

using pkernel::base::guess;

namespace {

// How many questions until it recommends an attempt again.
int pause(guess& g) {
    int n = 0;
    while (!g.likely()) ++n;
    return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(guess_)

BOOST_AUTO_TEST_CASE(begins_hopeful_and_stays_so_while_it_is_right) {
    guess g;
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(g.likely());
        g.was(true);
    }
}

BOOST_AUTO_TEST_CASE(is_made_ever_more_rarely_while_it_is_wrong) {
    guess g;
    for (const int expected : {1, 2, 4, 8, 16, 32, 64, 128, 256, 256}) {
        g.was(false);
        BOOST_TEST(pause(g) == expected);
    }
    g.was(true);
    BOOST_TEST(pause(g) == 0);
    g.was(false);
    BOOST_TEST(pause(g) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

#define BOOST_TEST_DYN_LINK
#include "kernel/base/crash_board.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

using pkernel::base::crash_board;

BOOST_AUTO_TEST_SUITE(crash_board_)

BOOST_AUTO_TEST_CASE(blames_nobody_while_only_the_kernel_runs) {
    crash_board board;
    board.name_instance(1, "echo on route 'a'");
    BOOST_TEST(board.blame() == "");
    BOOST_TEST(board.crash_signal() == 0);
}

BOOST_AUTO_TEST_CASE(names_the_instance) {
    crash_board board;
    board.name_instance(2, "echo on route 'a'");
    board.line_of(1).running = 2;
    BOOST_TEST(board.blame() == "echo on route 'a'");
}

BOOST_AUTO_TEST_CASE(tells_the_master_what_a_dead_child_was_running) {
    crash_board board;
    const pid_t child = ::fork();
    if (child == 0) {
        board.name_instance(7, "bad\nplugin");
        board.line_of(1).running = 7;
        ::kill(::getpid(), SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
    BOOST_TEST(board.blame() == "bad?plugin");
    board.clear();
    BOOST_TEST(board.blame() == "");
}

BOOST_AUTO_TEST_CASE(names_only_the_thread_that_caught_the_crash) {
    crash_board board;
    board.name_instance(1, "innocent");
    board.name_instance(2, "guilty");
    board.line_of(1).running = 1;
    board.line_of(2).running = 2;
    BOOST_TEST(board.blame() == "innocent, guilty");
    board.line_of(2).signal = SIGSEGV;
    BOOST_TEST(board.blame() == "guilty");
    BOOST_TEST(board.crash_signal() == SIGSEGV);
}

BOOST_AUTO_TEST_CASE(survives_marks_that_make_no_sense) {
    crash_board board;
    board.line_of(0).running = 0xffffffff;
    board.name_instance(0xffffffff, "past the table");
    BOOST_TEST(board.blame() == "instance 4294967295");
    board.name_instance(5, std::string(500, 'x'));
    board.line_of(0).running = 5;
    BOOST_TEST(board.blame() == std::string(crash_board::label_bytes_max, 'x'));
}

BOOST_AUTO_TEST_SUITE_END()

#define BOOST_TEST_DYN_LINK
#include "kernel/runtime/log.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "kernel/base/unique_fd.hpp"

using namespace pkernel;
using base::log_level;
using runtime::format_line;
using runtime::log_form;

namespace {

constexpr std::int64_t then_ms = 1795555232123;

struct pipe_ends {
    base::unique_fd read, write;
    pipe_ends() {
        int fds[2];
        BOOST_REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
        read = base::unique_fd(fds[0]);
        write = base::unique_fd(fds[1]);
    }
    std::string drain() const {
        std::string all(1 << 20, '\0');
        ::fcntl(read.get(), F_SETFL, O_NONBLOCK);
        std::size_t size = 0;
        for (ssize_t n; (n = ::read(read.get(), all.data() + size, all.size() - size)) > 0;)
            size += static_cast<std::size_t>(n);
        all.resize(size);
        return all;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(log_)

BOOST_AUTO_TEST_CASE(a_line_for_people_and_the_same_for_machines) {
    BOOST_TEST(format_line(then_ms, log_level::info, "ready", log_form::text) ==
               "2026-11-24T21:20:32.123Z info  ready\n");
    BOOST_TEST(
        format_line(then_ms, log_level::error, "a \"b\"", log_form::json) ==
        "{\"time\":\"2026-11-24T21:20:32.123Z\",\"level\":\"error\",\"text\":\"a \\\"b\\\"\"}\n");
}

BOOST_AUTO_TEST_CASE(what_could_forge_a_line_is_escaped) {
    const std::string evil = "a\nb\x1b[31m\x7f \xff \xc2\x9b \xc3\xa9";
    BOOST_TEST(format_line(0, log_level::warning, evil, log_form::text) ==
               "1970-01-01T00:00:00.000Z warn  a\\x0ab\\x1b[31m\\x7f \\xff \\xc2\\x9b \xc3\xa9\n");
    BOOST_TEST(format_line(0, log_level::debug, evil, log_form::json) ==
               "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"debug\",\"text\":"
               "\"a\\u000ab\\u001b[31m\\u007f \\\\xff \\u009b \xc3\xa9\"}\n");
}

BOOST_AUTO_TEST_CASE(a_long_line_is_cut_with_a_mark) {
    for (const log_form form : {log_form::text, log_form::json}) {
        const std::string line = format_line(0, log_level::info, std::string(9000, '\n'), form);
        BOOST_TEST(line.size() <= runtime::log::line_bytes_max);
        BOOST_TEST(line.size() > runtime::log::line_bytes_max - 32);
        BOOST_TEST(line.find(" [cut]") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(levels_have_names) {
    BOOST_TEST((runtime::level_named("warn") == log_level::warning));
    BOOST_TEST(!runtime::level_named("loud"));
}

BOOST_AUTO_TEST_CASE(all_lines_come_out_in_order) {
    const pipe_ends to;
    for (const auto mode : {runtime::log::mode::direct, runtime::log::mode::background}) {
        {
            const runtime::log log(mode, log_form::text, log_level::info, to.write.get());
            base::log(log_level::info, "first");
            base::log(log_level::debug, "unseen");
            base::log(log_level::error, "second");
        }
        const std::string all = to.drain();
        BOOST_TEST(all.substr(25, 13) == "info  first\n2");
        BOOST_TEST(all.find("error second\n") != std::string::npos);
        BOOST_TEST(all.find("unseen") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_text_for_people_stands_as_it_is_between_the_lines) {
    const pipe_ends to;
    BOOST_TEST(!base::log_text("nobody logs"));
    for (const auto mode : {runtime::log::mode::direct, runtime::log::mode::background}) {
        {
            const runtime::log log(mode, log_form::text, log_level::error, to.write.get());
            base::log(log_level::error, "before");
            BOOST_TEST(base::log_text("a.yaml:1:1: error\n  1 | x\n"));
            base::log(log_level::error, "after");
        }
        const std::string all = to.drain();
        const auto text = all.find("before\na.yaml:1:1: error\n  1 | x\n2");
        BOOST_TEST(text != std::string::npos, all);
        BOOST_TEST(all.find("after\n", text) != std::string::npos);
    }
    const runtime::log machines(runtime::log::mode::direct, log_form::json, log_level::error,
                                to.write.get());
    BOOST_TEST(!base::log_text("two\nlines\n"));
    BOOST_TEST(to.drain().empty());
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_full_pipe_and_the_losses_are_told) {
    const pipe_ends to;
    const auto start = std::chrono::steady_clock::now();
    {
        const runtime::log log(runtime::log::mode::background, log_form::text, log_level::info,
                               to.write.get());
        const std::string line(1000, 'x');
        for (int i = 0; i < 5000; ++i) base::log(log_level::info, line);
        // A line that waited would have waited for 100 ms.
        BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(10)));
        // Told with the first line for which there is room again; when that is depends on how far
        // the log's thread has come.
        bool told = false;
        while (!told && std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
            base::log(log_level::info, "next");
            told = to.drain().find("lines of this log were dropped") != std::string::npos;
            std::this_thread::yield();
        }
        BOOST_TEST(told);
    }
}

BOOST_AUTO_TEST_CASE(a_reader_that_went_away_costs_nothing) {
    ::signal(SIGPIPE, SIG_IGN);
    pipe_ends to;
    to.read = {};
    const runtime::log log(runtime::log::mode::direct, log_form::text, log_level::info,
                           to.write.get());
    base::log(log_level::error, "nobody hears");
}

BOOST_AUTO_TEST_SUITE_END()

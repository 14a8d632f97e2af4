// The process's own files and variables, and paths relative to a file.

#define BOOST_TEST_DYN_LINK
#include "kernel/config/environment.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace pkernel::config;

BOOST_AUTO_TEST_SUITE(environments)

BOOST_AUTO_TEST_CASE(paths_are_relative_to_the_file_that_names_them) {
    BOOST_TEST(resolve_path("a.pem", "conf/x.yaml", "/srv") == "/srv/conf/a.pem");
    BOOST_TEST(resolve_path("../a.pem", "/etc/pkernel/x.yaml", "/srv") == "/etc/a.pem");
    BOOST_TEST(resolve_path("/a.pem", "conf/x.yaml", "/srv") == "/a.pem");
    BOOST_TEST(resolve_path("dir/", "x.yaml", "/srv") == "/srv/dir");
    BOOST_TEST(resolve_path(".", "x.yaml", "/srv") == "/srv");
    BOOST_TEST(resolve_path("x.yaml", "", "/srv") == "/srv/x.yaml");
}

BOOST_AUTO_TEST_CASE(reads_regular_files_up_to_a_size) {
    char pattern[] = "/tmp/pkernel-environment-XXXXXX";
    const std::string dir = mkdtemp(pattern);
    std::ofstream(dir + "/four") << "1234";
    BOOST_TEST(mkfifo((dir + "/pipe").c_str(), 0600) == 0);
    process_environment outside;
    BOOST_TEST(outside.read(dir + "/four", 4).bytes == "1234");
    BOOST_TEST(!outside.read(dir + "/four", 3).ok);
    BOOST_TEST(outside.read(dir + "/five", 4).problem == "there is no such file");
    BOOST_TEST(outside.read(dir, 4).problem == "it is a directory");
    BOOST_TEST(outside.read(dir + "/pipe", 4).problem == "it is not a regular file");
    BOOST_TEST(outside.read("/dev/zero", 4).problem == "it is not a regular file");
    std::filesystem::remove_all(dir);
}

BOOST_AUTO_TEST_CASE(reads_variables) {
    process_environment outside;
    setenv("PKERNEL_TEST_VARIABLE", "x", 1);
    BOOST_TEST(outside.variable("PKERNEL_TEST_VARIABLE").value() == "x");
    unsetenv("PKERNEL_TEST_VARIABLE");
    BOOST_TEST(!outside.variable("PKERNEL_TEST_VARIABLE"));
    BOOST_TEST(outside.working_directory().front() == '/');
}

BOOST_AUTO_TEST_SUITE_END()

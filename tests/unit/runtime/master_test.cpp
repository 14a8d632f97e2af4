// The master with engines of a few lines in place of the real one, each in processes of their own.

#define BOOST_TEST_DYN_LINK
#include "kernel/runtime/master.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "kernel/runtime/log.hpp"
#include "kernel/runtime/privileged_files.hpp"
#include "kernel/runtime/privileges.hpp"

using namespace pkernel;
using runtime::control_event;
using runtime::engine_link;
using clock_type = std::chrono::steady_clock;

namespace {

struct pipe_ends {
    base::unique_fd read, write;
    pipe_ends() {
        int fds[2];
        BOOST_REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
        read = base::unique_fd(fds[0]);
        write = base::unique_fd(fds[1]);
    }
};

config::address loopback(std::uint16_t port) {
    config::address at;
    at.kind = config::address_kind::ip;
    at.text = "127.0.0.1:" + std::to_string(port);
    at.port = port;
    at.ip.family = 4;
    at.ip.bytes[0] = 127;
    at.ip.bytes[3] = 1;
    return at;
}

void say(int fd, const std::string& line) {
    BOOST_REQUIRE(::write(fd, (line + '\n').data(), line.size() + 1) > 0);
}

// A master in a forked process. What engines say comes out line by line, log lines among them.
class running_master {
public:
    explicit running_master(
        std::function<int(engine_link&, base::crash_board&, unsigned, int)> engine,
        runtime::file_opener::entry files = {}) {
        pid_ = ::fork();
        if (pid_ != 0) {
            lines_.write = {};
            return;
        }
        const int out = lines_.write.get();
        const runtime::log log(runtime::log::mode::direct, runtime::log_form::text,
                               base::log_level::info, out);
        const auto run = [&](engine_link& link, base::crash_board& board, unsigned workers) {
            const int code = engine(link, board, workers, out);
            ::_exit(code);
            return code;
        };
        runtime::master master(run, std::move(files));
        ::_exit(master.run());
    }
    ~running_master() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    // The first line from here on that contains `text`; fails after 5 s.
    std::string wait_for(const std::string& text) {
        const auto end = clock_type::now() + std::chrono::seconds(5);
        for (;;) {
            for (std::size_t at; (at = unread_.find('\n')) != std::string::npos;) {
                std::string line = unread_.substr(0, at);
                unread_.erase(0, at + 1);
                if (line.find(text) != std::string::npos) return line;
            }
            pollfd ready{lines_.read.get(), POLLIN, 0};
            BOOST_REQUIRE_MESSAGE(clock_type::now() < end && ::poll(&ready, 1, 5000) == 1,
                                  "no line with " << text);
            char bytes[4096];
            const ssize_t n = ::read(lines_.read.get(), bytes, sizeof bytes);
            BOOST_REQUIRE_MESSAGE(n > 0, "ended without a line with " << text);
            unread_.append(bytes, static_cast<std::size_t>(n));
        }
    }
    int wait_exit() {
        int status = 0;
        BOOST_REQUIRE(::waitpid(pid_, &status, 0) == pid_);
        pid_ = -1;
        BOOST_REQUIRE(WIFEXITED(status));
        return WEXITSTATUS(status);
    }
    void send(int number) const { ::kill(pid_, number); }
    pid_t pid() const { return pid_; }

private:
    pipe_ends lines_;
    std::string unread_;
    pid_t pid_ = -1;
};

// Paths that it got, and the first byte of each.
std::string named(const runtime::passed_files& files) {
    std::string out;
    for (const auto& [path, fd] : files) {
        char first = '?';
        if (::pread(fd.get(), &first, 1, 0) != 1) first = '!';
        out += path.substr(path.rfind('/') + 1) + ':' + first + ' ';
    }
    return out;
}

// A config of root's, with files that it names and one that it does not.
struct config_of_root {
    std::filesystem::path dir;
    config_of_root() {
        std::string name = (std::filesystem::temp_directory_path() / "pk-files-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        dir = name;
        for (const char* each : {"unnamed", "key", "deep", "open", "theirs"}) write(each, each);
        std::filesystem::permissions(dir, std::filesystem::perms(0755));
        std::filesystem::permissions(dir / "open", std::filesystem::perms(0644));
        std::filesystem::permissions(dir / "theirs", std::filesystem::perms::none);
        BOOST_REQUIRE(::chown((dir / "theirs").c_str(), user, user) == 0);
        write("more.yaml", "routes: [ { match: { path: [ open, theirs, missing, . ] } } ]\n");
        write("pk.yaml", "include: more.yaml\nlisteners: [ { a: key, b: [ { c: '" +
                             (dir / "deep").string() + "' } ] } ]\n");
    }
    ~config_of_root() { std::filesystem::remove_all(dir); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(dir / name) << text;
        std::filesystem::permissions(dir / name, std::filesystem::perms(0600));
    }
    runtime::file_opener::entry entry() const {
        return [file = (dir / "pk.yaml").string()](pid_t engine, runtime::channel& to) {
            runtime::hand_over_files(file, engine, to);
        };
    }
    static constexpr uid_t user = 54321;
};

// Becomes another user, then says what the master opens for it, twice.
int say_files(engine_link& link, base::crash_board&, unsigned, int out) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(1, 1, 1) != 0) return 1;
    const uid_t uid = config_of_root::user;
    if (::setresuid(uid, uid, uid) != 0) return 1;
    for (int i = 0; i < 2; ++i) say(out, "files " + named(link.files()));
    return 6;
}

boost::test_tools::assertion_result is_root(boost::unit_test::test_unit_id) {
    return runtime::is_root();
}

std::optional<control_event> wait_event(engine_link& link) {
    for (;;) {
        if (const auto event = link.take()) return event;
        pollfd ready{link.fd(), POLLIN, 0};
        ::poll(&ready, 1, -1);
    }
}

// Listens, says on which port, answers each connection with its pid, ends when told.
int serve(engine_link& link, base::crash_board&, unsigned, int out) {
    auto web = link.listen(loopback(0), "web", 1);
    BOOST_REQUIRE(web.sockets.size() == 1u);
    link.ready(1);
    const int listener = web.sockets[0].get();
    say(out, "port " + std::to_string(net::bound_address(listener).port()) + " pid " +
                 std::to_string(::getpid()));
    for (;;) {
        pollfd watched[2] = {{listener, POLLIN, 0}, {link.fd(), POLLIN, 0}};
        ::poll(watched, 2, -1);
        const base::unique_fd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        if (client) say(client.get(), std::to_string(::getpid()));
        if (const auto event = link.take(); event) return 0;
    }
}

const char* name_of(control_event event) {
    switch (event) {
        case control_event::stop:
            return "stop";
        case control_event::drain:
            return "drain";
        case control_event::reopen_logs:
            return "reopen";
        case control_event::reload:
            return "reload";
    }
    return "none";
}

std::pair<int, pid_t> port_and_pid(const std::string& line) {
    int port = 0, pid = 0;
    BOOST_REQUIRE(std::sscanf(line.c_str(), "port %d pid %d", &port, &pid) == 2);
    return {port, pid};
}

// Who answers; 0: refused.
int ask(int port) {
    const auto to = net::addresses_of(loopback(static_cast<std::uint16_t>(port))).front();
    const base::unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), to.get(), to.size) != 0) return 0;
    char text[32] = "";
    return ::read(fd.get(), text, sizeof text - 1) > 0 ? std::atoi(text) : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(master_)

BOOST_AUTO_TEST_CASE(a_first_start_that_fails_gives_its_exit_code) {
    running_master master([](auto&, auto&, unsigned, int) { return 3; });
    BOOST_TEST(master.wait_exit() == 3);
}

BOOST_AUTO_TEST_CASE(a_first_start_that_crashes_ends_it_and_is_told) {
    running_master master([](auto&, base::crash_board& board, unsigned, int) {
        board.name_instance(1, "bad on route 'a'");
        board.line_of(0).running = 1;
        ::signal(SIGSEGV, SIG_DFL);
        return ::raise(SIGSEGV);
    });
    master.wait_for("died of SIGSEGV");
    BOOST_TEST(master.wait_exit() == 128 + SIGSEGV);
}

BOOST_AUTO_TEST_CASE(the_next_engine_serves_what_waited_on_the_same_port) {
    running_master master(serve);
    auto [port, pid] = port_and_pid(master.wait_for("port"));
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(ask(port) == pid);
        const auto start = clock_type::now();
        ::kill(pid, SIGKILL);
        const int next = ask(port);
        BOOST_TEST((clock_type::now() - start < std::chrono::seconds(5)));
        BOOST_TEST(next != pid);
        const auto [same_port, next_pid] = port_and_pid(master.wait_for("port"));
        BOOST_TEST(same_port == port);
        BOOST_TEST(next_pid == next);
        pid = next_pid;
    }
    master.send(SIGTERM);
    BOOST_TEST(master.wait_exit() == 0);
    BOOST_TEST(ask(port) == 0);
}

BOOST_AUTO_TEST_CASE(a_death_is_told_with_signal_and_plugin) {
    running_master master(
        [](engine_link& link, base::crash_board& board, unsigned workers, int out) {
            say(out, "workers " + std::to_string(workers));
            if (workers == 0) {
                board.name_instance(4, "bad on route 'api'");
                board.line_of(2).running = 4;
                link.ready(2);
                ::raise(SIGKILL);
            }
            wait_event(link);
            return 0;
        });
    master.wait_for("workers 0");
    const std::string line = master.wait_for("error engine");
    BOOST_TEST(line.find("died of SIGKILL; running: bad on route 'api'") != std::string::npos,
               line);
    master.wait_for("workers 2");
    master.send(SIGINT);
    BOOST_TEST(master.wait_exit() == 0);
}

BOOST_AUTO_TEST_CASE(signals_are_passed_on_in_order_and_a_second_end_is_quick) {
    running_master master([](engine_link& link, auto&, unsigned, int out) {
        link.ready(1);
        say(out, "up");
        for (;;) say(out, name_of(*wait_event(link)));
        return 1;
    });
    master.wait_for("up");
    master.send(SIGHUP);
    master.wait_for("reload");
    master.send(SIGUSR1);
    master.wait_for("reopen");
    master.send(SIGQUIT);
    master.wait_for("drain");
    const auto start = clock_type::now();
    master.send(SIGTERM);
    master.wait_for("stop");
    BOOST_TEST(master.wait_exit() == 0);
    BOOST_TEST((clock_type::now() - start < std::chrono::seconds(1)));
}

// However many come while it is busy: they are one reload and one more, and the word to end is not
// lost among them.
BOOST_AUTO_TEST_CASE(a_storm_of_signals_neither_queues_up_nor_hides_the_end) {
    pipe_ends gate;
    running_master master([&](engine_link& link, auto&, unsigned, int out) {
        link.ready(1);
        say(out, "up");
        char one;
        BOOST_REQUIRE(::read(gate.read.get(), &one, 1) == 1);
        for (int reloads = 0;;) {
            const auto event = *wait_event(link);
            reloads += event == control_event::reload;
            if (event != control_event::drain) continue;
            say(out, "drain after " + std::to_string(reloads));
            return 0;
        }
    });
    master.wait_for("up");
    for (int i = 0; i < 2000; ++i) {
        master.send(SIGHUP);
        master.send(SIGUSR1);
        if (i % 10 == 0) ::usleep(200);  // So that many of them are signals of their own.
    }
    master.send(SIGTERM);
    BOOST_REQUIRE(::write(gate.write.get(), "x", 1) == 1);
    const auto line = master.wait_for("drain after ");
    BOOST_TEST(std::atoi(line.c_str() + std::strlen("drain after ")) <= 2);
    BOOST_TEST(master.wait_exit() == 0);
}

BOOST_AUTO_TEST_CASE(an_end_before_the_engine_is_ready_is_at_once_and_well) {
    running_master master([](engine_link&, auto&, unsigned, int out) {
        say(out, "starting");
        for (;;) ::pause();
        return 1;
    });
    master.wait_for("starting");
    master.send(SIGTERM);
    BOOST_TEST(master.wait_exit() == 0);
}

BOOST_AUTO_TEST_CASE(no_engine_outlives_its_master) {
    running_master master(serve);
    const auto [port, pid] = port_and_pid(master.wait_for("port"));
    master.send(SIGKILL);
    // The last holder of the other end of the lines is the engine: they end when it does.
    const auto end = clock_type::now() + std::chrono::seconds(5);
    while (ask(port) != 0 && clock_type::now() < end) {
    }
    BOOST_TEST(ask(port) == 0);
}

BOOST_AUTO_TEST_CASE(many_sockets_come_in_batches_and_an_error_as_a_sentence) {
    running_master master([](engine_link& link, auto&, unsigned, int out) {
        const auto many = link.listen(loopback(0), "web", 150);
        const auto same = link.listen(loopback(0), "web", 2);
        const auto other = link.listen(loopback(0), "api", 1);
        const auto port = [](const auto& a) {
            return net::bound_address(a.sockets.at(0).get()).port();
        };
        say(out, std::to_string(many.sockets.size()) + ' ' + std::to_string(same.sockets.size()));
        say(out, port(many) == port(same) && port(many) != port(other) ? "as told" : "mixed up");
        config::address far = loopback(80);
        far.text = "203.0.113.1:80";
        far.ip.bytes[0] = 203;
        far.ip.bytes[2] = 113;
        say(out, link.listen(far, "far", 1).problem);
        return 5;
    });
    master.wait_for("150 150");
    master.wait_for("as told");
    master.wait_for(
        "cannot listen on 203.0.113.1:80: no interface of this machine has the address");
    BOOST_TEST(master.wait_exit() == 5);
}

BOOST_AUTO_TEST_CASE(what_the_next_engine_does_not_ask_for_is_closed) {
    running_master master([](engine_link& link, auto&, unsigned workers, int out) {
        if (workers == 0) {
            const auto web = link.listen(loopback(0), "web", 1);
            link.ready(1);
            say(out, "port " + std::to_string(net::bound_address(web.sockets[0].get()).port()) +
                         " pid 1");
            ::raise(SIGKILL);
        }
        link.ready(1);
        say(out, "second");
        wait_event(link);
        return 0;
    });
    const int port = port_and_pid(master.wait_for("port")).first;
    master.wait_for("second");
    const auto end = clock_type::now() + std::chrono::seconds(5);
    const auto to = net::addresses_of(loopback(static_cast<std::uint16_t>(port))).front();
    bool refused = false;
    while (!refused && clock_type::now() < end) {
        const base::unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        refused = ::connect(fd.get(), to.get(), to.size) != 0;
    }
    BOOST_TEST(refused);
}

BOOST_AUTO_TEST_CASE(files_that_the_config_names_are_opened_and_no_others,
                     *boost::unit_test::precondition(is_root)) {
    const config_of_root files;
    running_master master(say_files, files.entry());
    master.wait_for("'" + (files.dir / "theirs").string() + "' is not opened for the engine");
    for (int i = 0; i < 2; ++i)
        BOOST_TEST(master.wait_for("files ") == "files deep:d key:k more.yaml:r pk.yaml:i ");
    BOOST_TEST(master.wait_exit() == 6);
}

BOOST_AUTO_TEST_CASE(a_config_that_the_user_may_write_opens_nothing,
                     *boost::unit_test::precondition(is_root)) {
    const config_of_root files;
    std::filesystem::permissions(files.dir / "more.yaml", std::filesystem::perms(0602));
    running_master master(say_files, files.entry());
    master.wait_for("more.yaml can be written by that user");
    BOOST_TEST(master.wait_for("files ") == "files ");
    BOOST_TEST(master.wait_exit() == 6);
}

BOOST_AUTO_TEST_CASE(an_opener_that_fails_or_is_missing_is_told,
                     *boost::unit_test::precondition(is_root)) {
    running_master broken(say_files, [](pid_t, runtime::channel&) { ::raise(SIGKILL); });
    broken.wait_for("has not opened all files");
    BOOST_TEST(broken.wait_for("files ") == "files ");
    BOOST_TEST(broken.wait_exit() == 6);
    running_master without(say_files);
    BOOST_TEST(without.wait_for("files ") == "files ");
    BOOST_TEST(without.wait_exit() == 6);
}

BOOST_AUTO_TEST_SUITE_END()

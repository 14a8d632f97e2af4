// Lines as they land in the file, whatever a client sent (S34), and outputs that misbehave (F30).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <boost/json/src.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <pkernel/json.hpp>
#include <pkernel/testing.hpp>

using pk::testing::log_under_test;
using pk::testing::record_spec;

namespace {

struct folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("pk_log_" + std::to_string(::getpid()));
    folder() { std::filesystem::create_directories(path); }
    ~folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name = "log") const { return (path / name).string(); }
};

std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t from = 0;
    for (std::size_t end = 0; (end = text.find('\n', from)) != text.npos; from = end + 1) {
        lines.push_back(text.substr(from, end - from));
    }
    BOOST_TEST(from == text.size());
    return lines;
}

// One record, written with these options: its line.
std::string line(const record_spec& what, const std::string& options = "") {
    const folder tmp;
    log_under_test log("path: " + tmp.file() + (options.empty() ? "" : ", " + options));
    log.record(what);
    log.tick();
    const auto lines = lines_of(read(tmp.file()));
    BOOST_REQUIRE(lines.size() == 1u);
    return lines[0];
}

const char* const keys[] = {"time",
                            "id",
                            "client",
                            "peer",
                            "listener",
                            "protocol",
                            "method",
                            "scheme",
                            "host",
                            "target",
                            "status",
                            "end_reason",
                            "request_bytes",
                            "response_bytes",
                            "duration_ms",
                            "route",
                            "upstream",
                            "endpoint",
                            "attempts",
                            "reused",
                            "failed_attempts",
                            "body_kept",
                            "upstream_queue_ms",
                            "upstream_connect_ms",
                            "upstream_head_ms",
                            "fields",
                            "notes"};

boost::json::object parsed(const std::string& text) {
    auto object = boost::json::parse(text).as_object();
    BOOST_TEST(object.size() == std::size(keys));
    for (const char* key : keys) BOOST_TEST(object.contains(key), key << " is missing");
    return object;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(access_log)

BOOST_AUTO_TEST_CASE(a_line_says_what_happened) {
    record_spec r;
    r.request.method = "POST";
    r.request.target = "/a?b=1";
    r.request.fields = "User-Agent: curl\nReferer: http://x/\nAccept: y";
    r.status = 201;
    r.upstream = "app";
    r.endpoint = "127.0.0.1:3001";
    r.attempts = 2;
    r.failed_attempts = "127.0.0.1:3000=connect_refused";
    r.body_kept = "file";
    r.reused = true;
    r.duration_ns = 12'345'678;
    r.upstream_head_ns = 7'000'000;
    r.upstream_queue_ns = 9'000'000;
    r.request_bytes = 3;
    r.response_bytes = 1ull << 33;
    r.annotations = {{"rate_limit.left", "7"}};
    const auto o = parsed(line(r));
    BOOST_TEST(o.at("time").as_string() == "2026-09-21T14:13:20.000Z");
    BOOST_TEST(o.at("id").as_string() == "0123456789abcdef");
    BOOST_TEST(o.at("client").as_string() == "192.0.2.1");
    BOOST_TEST(o.at("method").as_string() == "POST");
    BOOST_TEST(o.at("host").as_string() == "example.test");
    BOOST_TEST(o.at("target").as_string() == "/a?b=1");
    BOOST_TEST(o.at("protocol").as_string() == "HTTP/1.1");
    BOOST_TEST(o.at("status").as_int64() == 201);
    BOOST_TEST(o.at("duration_ms").as_double() == 12.345);
    BOOST_TEST(o.at("upstream_head_ms").as_double() == 7.0);
    BOOST_TEST(o.at("upstream_queue_ms").as_double() == 9.0);
    BOOST_TEST(o.at("upstream_connect_ms").is_null());
    BOOST_TEST(o.at("response_bytes").as_int64() == 1ll << 33);
    BOOST_TEST(o.at("attempts").as_int64() == 2);
    BOOST_TEST(o.at("failed_attempts").as_string() == "127.0.0.1:3000=connect_refused");
    BOOST_TEST(o.at("body_kept").as_string() == "file");
    BOOST_TEST(o.at("reused").as_bool());
    BOOST_TEST(o.at("fields").as_object().at("user-agent").as_string() == "curl");
    BOOST_TEST(o.at("fields").as_object().at("referer").as_string() == "http://x/");
    BOOST_TEST(o.at("fields").as_object().size() == 2u);
    BOOST_TEST(o.at("notes").as_object().at("rate_limit.left").as_string() == "7");
}

BOOST_AUTO_TEST_CASE(what_there_is_none_of_is_null) {
    record_spec r;
    r.malformed = true;
    r.status = 400;
    r.end_reason = "bad_request_line";
    r.protocol = "";
    const auto o = parsed(line(r));
    for (const char* key : {"id", "client", "peer", "listener", "protocol", "method", "scheme",
                            "host", "target", "route", "upstream", "endpoint", "reused"}) {
        BOOST_TEST(o.at(key).is_null(), key);
    }
    BOOST_TEST(o.at("fields").as_object().at("user-agent").is_null());
    BOOST_TEST(o.at("status").as_int64() == 400);

    record_spec old;
    old.request.authority = "";
    old.request.http10 = true;
    old.status = 0;
    const auto gone = parsed(line(old));
    BOOST_TEST(gone.at("host").is_null());
    BOOST_TEST(gone.at("status").is_null());
}

// S34. Every byte, in the target, a field and a note: one line, valid JSON, nothing a terminal
// obeys.
BOOST_AUTO_TEST_CASE(any_byte_is_one_line_of_valid_json) {
    std::vector<std::string> values{"a\nb",
                                    "a\r\nb",
                                    std::string("a\0b", 3),
                                    "\x1b[31mred\x1b[0m",
                                    "\"",
                                    "\\",
                                    "\\\"",
                                    "</script>",
                                    "\xff",
                                    "\xc0\xaf",
                                    "\xed\xa0\x80",
                                    "\xf4\x90\x80\x80",
                                    "\xe2\x80\xa8",
                                    "\xc3",
                                    "gr\xc3\xbc\xc3\x9f",
                                    "\x7f",
                                    "\xc2\x9b\x33\x31m",
                                    std::string(32 << 10, 'x'),
                                    std::string(32 << 10, '\0')};
    for (int byte = 0; byte < 256; ++byte) values.emplace_back(1, static_cast<char>(byte));
    for (const std::string& value : values) {
        record_spec r;
        r.request.target = "/" + value;
        r.raw_fields = {{"User-Agent", value}, {value, value}};
        r.annotations = {{"k" + value, value}};
        r.end_reason = value;
        r.endpoint = value;
        const std::string text = line(r);
        const auto o = parsed(text);
        for (char c : text) BOOST_REQUIRE(static_cast<unsigned char>(c) >= 0x20);
        BOOST_REQUIRE(text.find('\x7f') == std::string::npos);
        if (value.find('?') != std::string::npos) continue;
        const bool utf8 = [&] {
            for (std::string_view rest = value; !rest.empty();) {
                const auto n = pk::utf8_length(rest);
                if (n == 0) return false;
                rest.remove_prefix(n);
            }
            return true;
        }();
        if (utf8) BOOST_TEST(o.at("target").as_string() == "/" + value);
    }
}

BOOST_AUTO_TEST_CASE(the_combined_format_is_what_tools_expect) {
    record_spec r;
    r.request.target = "/a?b=\"\n";
    r.request.fields = "Referer: http://x/\nUser-Agent: evil\" \\ \xff";
    r.response_bytes = 42;
    BOOST_TEST(line(r, "format: combined") ==
               "192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] \"GET /a?b=\\x22\\x0A HTTP/1.1\" 200 42 "
               "\"http://x/\" \"evil\\x22 \\x5C \\xFF\"");
    record_spec bad;
    bad.malformed = true;
    bad.status = 400;
    BOOST_TEST(line(bad, "format: combined") ==
               "- - - [21/Sep/2026:14:13:20 +0000] \"-\" 400 0 \"-\" \"-\"");
}

BOOST_AUTO_TEST_CASE(secrets_are_not_written) {
    record_spec r;
    r.request.target = "/a?token=s3cret&%74oken=s3cret&x=1&tokens=2&token&TOKEN=3";
    r.request.fields =
        "Authorization: Bearer s3cret\nCookie: a=s3cret\nReferer: http://x/?token=s3cret#f";
    const std::string options =
        "redact_query: [token], fields: [authorization, cookie, referer, set-cookie]";
    const std::string text = line(r, options);
    BOOST_TEST(text.find("s3cret") == std::string::npos);
    const auto o = parsed(text);
    BOOST_TEST(o.at("target").as_string() ==
               "/a?token=[redacted]&%74oken=[redacted]&x=1&tokens=2&token&TOKEN=3");
    const auto& fields = o.at("fields").as_object();
    BOOST_TEST(fields.at("authorization").as_string() == "[redacted]");
    BOOST_TEST(fields.at("referer").as_string() == "http://x/?token=[redacted]#f");
    BOOST_TEST(fields.at("set-cookie").is_null());
    BOOST_TEST(line(r, "redact_query: [token], format: combined").find("s3cret") ==
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_value_of_a_field_is_there) {
    record_spec r;
    r.request.fields = "X-A: 1\nx-a: 2";
    const auto o = parsed(line(r, "fields: [x-a]"));
    BOOST_TEST(o.at("fields").as_object().at("x-a").as_string() == "1, 2");
}

BOOST_AUTO_TEST_CASE(writes_when_the_buffer_is_full_or_the_worker_ends) {
    const folder tmp;
    {
        log_under_test log("path: " + tmp.file() + ", buffer: 1KiB", {.workers = 2});
        log.record({});
        BOOST_TEST(read(tmp.file()).empty());
        for (int i = 0; i < 2; ++i) log.record({});
        BOOST_TEST(!read(tmp.file()).empty());
        record_spec other;
        other.worker = 1;
        log.record(other);
    }
    BOOST_TEST(lines_of(read(tmp.file())).size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_rotated_file_is_opened_anew) {
    const folder tmp;
    log_under_test log("path: " + tmp.file());
    log.record({});
    log.tick();
    std::filesystem::rename(tmp.file(), tmp.file("log.1"));
    log.record({});
    log.tick();  // Nobody said so yet: still the old file.
    log.reopen();
    log.record({});
    log.tick();
    BOOST_TEST(lines_of(read(tmp.file("log.1"))).size() == 2u);
    BOOST_TEST(lines_of(read(tmp.file())).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_pipe_that_nobody_reads_costs_lines_and_no_time) {
    const folder tmp;
    BOOST_REQUIRE(::mkfifo(tmp.file().c_str(), 0600) == 0);
    log_under_test log("path: " + tmp.file() + ", buffer: 1KiB", {.workers = 2});
    const int total = 5000;
    for (int i = 0; i < total; ++i) {
        record_spec r;
        r.worker = static_cast<std::uint32_t>(i % 2);
        r.upstream = std::string(static_cast<std::size_t>(i % 700), 'u');
        log.record(r);
    }
    BOOST_TEST(log.metric("dropped_lines") > 0);

    // A reader comes. What it gets are whole lines, also where the pipe had cut one.
    const int fd = ::open(tmp.file().c_str(), O_RDONLY | O_NONBLOCK);
    std::string text;
    char piece[4096];
    for (int round = 0; round < 20; ++round) {
        ssize_t n = 0;
        while ((n = ::read(fd, piece, sizeof piece)) > 0) {
            text.append(piece, static_cast<std::size_t>(n));
        }
        log.tick(0);
        log.tick(1);
    }
    ::close(fd);
    const auto lines = lines_of(text);
    for (const std::string& l : lines) parsed(l);
    BOOST_TEST(lines.size() + static_cast<std::size_t>(log.metric("dropped_lines")) ==
               static_cast<std::size_t>(total));
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_counted_and_said_once_a_minute) {
    log_under_test log("path: /dev/full");
    for (int i = 0; i < 3; ++i) {
        log.record({});
        log.tick();
    }
    BOOST_TEST(log.metric("dropped_lines") == 3);
    BOOST_TEST(log.host().lines.size() == 1u);
    log.host().advance(std::chrono::minutes(1));
    log.record({});
    log.tick();
    BOOST_TEST(log.host().lines.size() == 2u);
}

// Another file for standard output, while it lives.
class other_stdout {
public:
    explicit other_stdout(int fd) {
        std::fflush(stdout);
        ::dup2(fd, 1);
    }
    ~other_stdout() {
        ::dup2(before_, 1);
        ::close(before_);
    }

private:
    const int before_ = ::dup(1);
};

BOOST_AUTO_TEST_CASE(writes_to_standard_output) {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    int flags = 0;
    {
        const other_stdout out(ends[1]);
        {
            log_under_test log("");
            log.record({});
            log.tick();
        }
        flags = ::fcntl(1, F_GETFL);
    }
    ::close(ends[1]);
    char text[8192];
    const ssize_t n = ::read(ends[0], text, sizeof text);
    ::close(ends[0]);
    BOOST_REQUIRE(n > 0);
    parsed(lines_of(std::string(text, static_cast<std::size_t>(n))).at(0));
    BOOST_TEST((flags & O_NONBLOCK) == 0);  // Others who have the stream notice nothing.
}

// As `pkernel >file 2>&1` has it: no O_APPEND, and the process's own log goes there, too.
BOOST_AUTO_TEST_CASE(a_file_on_standard_output_is_shared_with_who_else_writes_there) {
    const folder tmp;
    const std::string path = tmp.file();
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    BOOST_REQUIRE(file >= 0);
    {
        const other_stdout out(file);
        log_under_test log("");
        BOOST_TEST(::write(1, "before\n", 7) == 7);
        log.record({});
        log.tick();
        BOOST_TEST(::write(1, "after\n", 6) == 6);
    }
    ::close(file);
    const auto lines = lines_of(read(path));
    BOOST_REQUIRE(lines.size() == 3u);
    BOOST_TEST(lines[0] == "before");
    parsed(lines[1]);
    BOOST_TEST(lines[2] == "after");
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_opened_refuses_the_config) {
    try {
        const log_under_test log("path: /nowhere/at/all");
        BOOST_TEST(false);
    } catch (const std::runtime_error& e) {
        BOOST_TEST(std::string(e.what()) ==
                   "path: cannot open /nowhere/at/all: No such file or directory");
    }
}

BOOST_AUTO_TEST_CASE(a_warm_record_allocates_nothing) {
    const folder tmp;
    log_under_test log("path: " + tmp.file() + ", redact_query: [x]");
    record_spec r;
    r.request.target = "/some/path?x=1&yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy=2";
    r.request.fields = "User-Agent: some agent with a name that is long enough to matter";
    log.record(r);
    pk::testing::plugin_under_test::allocations();
    for (int i = 0; i < 100; ++i) log.record(r);
    BOOST_TEST(pk::testing::plugin_under_test::allocations() == 0u);
}

BOOST_AUTO_TEST_CASE(leaves_memory_when_it_is_unloaded) {
    BOOST_TEST(pk::testing::library::unloads(PKERNEL_PLUGIN_UNDER_TEST));
}

BOOST_AUTO_TEST_SUITE_END()

// A filter and a handler that do wrong in the way that the request's field X-Trouble names (F31,
// F33), or take the process with them (F32).

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <pkernel/plugin.hpp>
#include <pkernel/services/offload.hpp>
#include <pkernel/services/timer.hpp>
#include <stdexcept>
#include <string>

namespace {

constexpr auto out = pk::direction::response;
constexpr std::uint64_t little = 10;  // Bytes that are collected at most.

struct not_an_exception {};

std::string_view asked(const pk::stream& s) {
    const auto fields = s.request_fields().each("x-trouble");
    return fields.empty() ? std::string_view() : (*fields.begin()).value;
}

pk::verdict throws(std::string_view what) {
    if (what.ends_with("int")) throw 7;
    if (what.ends_with("object")) throw not_an_exception{};
    throw std::runtime_error("trouble that was asked for");
}

// Gives the request a body of two bytes, and emits as many, more or fewer.
pk::verdict emits(pk::stream& s, std::string_view what) {
    constexpr auto in = pk::direction::request;
    const std::string_view body = what == "request-emit-more"   ? "okGET /smuggled HTTP/1.1\r\n\r\n"
                                  : what == "request-emit-less" ? "o"
                                                                : "ok";
    if (s.transform(in, 2) != PK_OK) return s.reset(PK_END_REFUSED);
    return s.emit(in, body) == PK_OK ? pk::next : s.reset(PK_END_REFUSED);
}

class trouble_filter {
public:
    pk::verdict on_request(pk::stream& s) const {
        const auto what = asked(s);
        if (what.starts_with("request-throw")) return throws(what);
        if (what == "request-verdict") return static_cast<pk::verdict>(99);
        if (what == "request-done") return pk::done;
        if (what == "request-reset") return s.reset(PK_END_REFUSED);
        if (what == "request-reply") return s.reply(403, "refused by a filter");
        if (what == "request-collect") return s.collect(pk::direction::request, little);
        if (what == "request-wait") return pk::wait;
        if (what == "request-status") return s.reply(700);
        if (what == "request-field") return s.reply(200, {}, {{"no token", "x"}});
        if (what == "request-collect-much") return s.collect(pk::direction::request, 1u << 30);
        if (what == "request-collect-other") return s.collect(out, little);
        if (what.starts_with("request-emit")) return emits(s, what);
        return pk::next;
    }

    std::uint64_t on_request_data(pk::stream& s, pk::data chunk) const {
        const auto what = asked(s);
        if (what.starts_with("data-throw")) throws(what);
        return chunk.size() + (what == "data-greedy" ? 1 : 0);
    }

    pk::verdict on_request_end(pk::stream& s) const {
        const auto what = asked(s);
        return what.starts_with("end-throw") ? throws(what) : pk::next;
    }

    pk::verdict on_response(pk::stream& s) const {
        const auto what = asked(s);
        if (what.starts_with("response-throw")) return throws(what);
        if (what == "response-reset") return s.reset(PK_END_REFUSED);
        if (what == "response-reply") return s.reply(403, "refused by a filter");
        if (what == "response-collect") return s.collect(out, little);
        return pk::next;
    }

    std::uint64_t on_response_data(pk::stream& s, pk::data chunk) const {
        const auto what = asked(s);
        if (what.starts_with("response-data-throw")) throws(what);
        return chunk.size() + (what == "response-data-greedy" ? 1 : 0);
    }

    pk::verdict on_response_end(pk::stream& s) const {
        const auto what = asked(s);
        return what.starts_with("response-end-throw") ? throws(what) : pk::next;
    }

    void on_stream_end(pk::stream& s, std::uint32_t) const {
        const auto what = asked(s);
        if (what.starts_with("gone-throw")) throws(what);
    }
};

struct fatal_job {
    void run() { std::abort(); }
};

class trouble_handler {
public:
    explicit trouble_handler(pk::host& h) : jobs_(h), timers_(h) {}

    pk::verdict on_request(pk::stream& s) const {
        const auto what = asked(s);
        if (what.starts_with("handler-abort")) return dies(s, what);
        if (what.starts_with("handler-throw")) return throws(what);
        if (what == "handler-next") return pk::next;
        if (what == "handler-done") return pk::done;
        if (what == "handler-reset") return s.reset(PK_END_REFUSED);
        if (what == "handler-short") return short_of(s);
        if (what == "handler-long") return too_much(s);
        if (what == "handler-twice") s.reply(200, "first");
        return s.reply(200, "second");
    }

private:
    pk::verdict dies(pk::stream& s, std::string_view what) const {
        pk_status begun = PK_OK;
        if (what == "handler-abort") std::abort();
        if (what == "handler-abort-by-exit") std::exit(0);
        if (what == "handler-abort-by-_exit") ::_exit(0);
        if (what == "handler-abort-by-recursion") recur(1);
        if (what == "handler-abort-in-job")
            begun = jobs_.submit<&trouble_handler::survived>(s, std::make_unique<fatal_job>());
        if (what == "handler-abort-in-timer")
            begun = timers_.start_on_worker(
                {}, [](void*) { std::abort(); }, nullptr);
        return begun == PK_OK ? pk::wait : s.reply(503);
    }
    static int recur(int depth) {
        volatile char room[4096];
        room[0] = static_cast<char>(depth);
        return depth < 1'000'000 ? recur(depth + 1) + room[0] : 0;  // 4 GB of stack.
    }
    void survived(pk::stream& s, fatal_job&) const { s.reply(200, "still here"); }

    // Ends before what it announced.
    static pk::verdict short_of(pk::stream& s) {
        if (s.respond(200, {}, 100) != PK_OK || s.emit(out, "0123456789") != PK_OK) return pk::done;
        s.finish(out);
        return pk::done;
    }

    // Emits more than it announced.
    static pk::verdict too_much(pk::stream& s) {
        if (s.respond(200, {}, 2) != PK_OK || s.emit(out, "okEVIL") != PK_OK) return pk::done;
        s.finish(out);
        return pk::done;
    }

    const pk::offload jobs_;
    const pk::timers timers_;
};

// Dies when it is to open its file anew, on the control thread.
class trouble_log {
public:
    void record(const pk_record&) const {}
    void reopen() const { std::abort(); }
};

}  // namespace

PKERNEL_PLUGIN("trouble", "1.0.0", "Does wrong when asked to.", pk::http_filter<trouble_filter>,
               pk::handler<trouble_handler>, pk::log<trouble_log>);

// One request and its response, played event by event through one filter, handler or tunnel.

#pragma once

#include <pkernel/abi/stream.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pk::testing {

class fake_stream;

// The request as the client sent it. Fields are lines "name: value", newlines between.
struct request_spec {
    std::string method = "GET";
    std::string target = "/";
    std::string fields = {};
    std::string authority = "example.test";
    std::string peer = "192.0.2.1:4000";  // "unix" for a client on a unix socket.
    std::string local = "198.51.100.7:8080";
    std::string listener = "web";
    std::string route = "app";
    bool secure = false;
    bool http10 = false;
    std::string upgrade = {};  // The protocol that it asks to switch to.
    bool extended_connect = false;
};

// Where a direction stands after an event.
struct outcome {
    enum class kind { passes, waits, collects, replied, reset } what = kind::passes;
    std::uint32_t code = 0;  // Of the reply, or the cause of the reset.

    bool passes() const noexcept { return what == kind::passes; }
    bool waits() const noexcept { return what == kind::waits; }
    bool collects() const noexcept { return what == kind::collects; }
    bool resets() const noexcept { return what == kind::reset; }
    std::uint32_t status() const noexcept { return what == kind::replied ? code : 0; }
};

using field_pairs = std::vector<std::pair<std::string, std::string>>;

// What a filter or handler answered.
struct reply_seen {
    std::uint32_t status = 0;
    field_pairs fields;
    std::string body;
    std::int64_t content_length = -1;  // -1: not known when the head was sent.
    bool complete = false;
    field_pairs trailers;

    std::string field(std::string_view name) const;  // All of the name, " | " between.
};

enum class way { request, response };

class exchange {
public:
    explicit exchange(std::unique_ptr<fake_stream> stream);
    exchange(exchange&&) noexcept;
    ~exchange();  // Ends the stream if finish() was not called.

    // Events of the request, in this order. What the plugin does not take is offered again.
    outcome head();
    outcome body(std::string_view bytes, bool flush = false);
    outcome end(std::string_view trailers = {});

    // Events of the response that comes from behind the filter.
    outcome informational(std::uint32_t status, std::string_view fields = {});
    outcome response(std::uint32_t status, std::string_view fields = {});
    outcome response_body(std::string_view bytes, bool flush = false);
    outcome response_end(std::string_view trailers = {});

    // Of a tunnel: response(101) begins it unless the plugin says otherwise; then body, end,
    // response_body and response_end are its two directions. Limits run out when a test says so.
    outcome limit(std::uint32_t which);
    outcome drain_notice(std::uint64_t deadline_ns = 0);
    bool tunnelling() const;
    bool looked_at(way w) const;
    std::uint64_t idle_limit_ns() const;
    std::uint64_t life_limit_ns() const;

    // stream_end; nothing may be played after it.
    void finish(std::uint32_t cause = PK_END_COMPLETE);

    // Where a direction stands now, after a timer, a job or a wake.
    outcome state(way w) const;

    // All values of a name as they stand now, " | " between; empty when there is none.
    std::string request_field(std::string_view name) const;
    std::string response_field(std::string_view name) const;
    std::string trailer(way w, std::string_view name) const;
    std::uint32_t status() const;
    const pk_request& request() const;

    // What went on from the plugin so far, and whether it ended.
    const std::string& sent(way w) const;
    bool ended(way w) const;
    std::int64_t content_length(way w) const;  // As it goes on; -1: none.
    bool rerouted() const;

    const reply_seen& reply() const;
    const field_pairs& annotations() const;

    // While held, what the plugin emits piles up; drain() lets it go.
    void hold(way w);
    void drain(way w);

    // The handle, to call the C functions as a guilty plugin would.
    pk_stream* raw();

private:
    std::unique_ptr<fake_stream> stream_;
};

}  // namespace pk::testing

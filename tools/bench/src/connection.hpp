// One client connection: sends a request, receives its response and judges every part of it.
//
// Owned by the generator, used on its only thread. Registered once with epoll, edge-triggered.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "options.hpp"
#include "pattern.hpp"
#include "wire.hpp"

namespace bench {

// What all connections of a run share.
struct shared_state {
    const options& opts;
    const pattern bodies;
    int epoll;
    std::vector<char> scratch;
    tls_client tls{opts.tls, opts.resume};
    std::uint32_t next_id = 1;
    std::uint32_t random = 0x9e3779b9;
    std::uint64_t bytes_received = 0;  // Of bodies.
};

enum class progress { waiting, complete, failed };

class connection {
public:
    connection(shared_state& shared, std::uint32_t index);
    ~connection() { close(); }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    // Starts the next request, on a new connection where there is none. `now` is kept for begun().
    // `complete` is impossible here; a failure is told by failure().
    progress begin(std::uint64_t now);

    // After an epoll event. Once `complete` or `failed`, begin() may be called again.
    progress advance(std::uint32_t events);

    // Gives up on the request in flight, which then counts as failed for the reason given.
    void abandon(std::string why) { fail(false, std::move(why)); }

    bool busy() const { return busy_; }
    std::uint64_t begun() const { return begun_; }
    bool wrong() const { return wrong_; }  // The failure was an answer, not a lost connection.
    const std::string& failure() const { return failure_; }

    // True if the peer still holds this idle connection open, and has said nothing on it.
    bool quiet() const;

    std::uint64_t scheduled = 0;  // When an open loop wanted this request to be sent.

private:
    bool open();
    void close();
    bool send_rest();
    progress receive(bool ended);
    progress take(const char* data, std::size_t size);
    bool read_head(std::string_view head);
    void next_message();
    progress take_echo(const char* data, std::size_t size);
    progress finish();
    progress fail(bool wrong, std::string why);

    shared_state& shared_;
    const std::uint32_t index_;
    wire wire_;
    bool busy_ = false;
    std::uint64_t begun_ = 0;
    std::uint64_t answered_ = 0;

    std::string request_;  // The head; the id and the route in it are patched for each request.
    std::size_t id_at_ = 0, route_at_ = 0;
    std::size_t sent_ = 0;  // Of head and body together.

    std::string handshake_;  // Of a WebSocket; then each message is a request_ of its own.
    std::string message_;
    bool upgraded_ = false;

    std::string head_;  // A response head, or a frame, only while it is incomplete.
    bool head_done_ = false;
    bool last_ = false;   // The response said `Connection: close`.
    bool ended_ = false;  // The whole response is here; only the close is awaited.
    std::size_t body_at_ = 0, body_size_ = 0;

    bool wrong_ = false;
    std::string failure_;
};

}  // namespace bench

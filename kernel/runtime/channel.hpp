// The one way between master and engine: messages of one size over a SOCK_SEQPACKET pair.
//
// Both ends check all of a message before they act on any of it: a damaged engine must not make the
// master do more than the few things that are listed here. [control] on both sides.

#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/listen.hpp"

namespace pkernel::runtime {

enum class message_kind : std::uint32_t {
    // From the engine.
    listen = 1,  // Answered by one or more `sockets`.
    close = 2,   // The address is no longer in the config.
    ready = 3,   // It serves; `count` workers.
    files = 4,   // Asks for the config's files that it may not open: `file`s, then `files_end`.
    read = 5,    // An order was; `count` is its kind.
    // From the master.
    sockets = 16,  // Carries fds; or none, and `step` and `error` say why.
    // Orders, of which one of a kind is on its way at a time: the channel cannot fill up with them.
    drain = 17,
    stop = 18,
    reload = 19,
    reopen_logs = 20,
    file = 21,      // Carries one fd, open for reading; `text` is its path.
    files_end = 22  // No more of them; `error` is not 0 when they may not be all.
};

struct message {
    static constexpr std::uint32_t magic_word = 0x706b6d31;
    static constexpr std::uint32_t sockets_max = 1024;  // Of one address.
    static constexpr std::size_t fds_max = 64;          // In one message.
    static constexpr std::size_t owner_bytes_max = 64;  // A listener's name is cut to it.
    static constexpr std::size_t text_bytes_max = 1024;

    std::uint32_t magic = magic_word;
    message_kind kind{};
    std::uint32_t count =
        0;                  // listen: sockets wanted; sockets: those still to come, these included.
    std::uint32_t fds = 0;  // That travel with it.
    net::listen_step step{};
    std::int32_t error = 0;
    std::int32_t backlog = 0;
    std::uint16_t any = 0;       // listen_spec::any
    std::uint16_t freebind = 0;  // listen_spec::freebind
    std::uint32_t address_bytes = 0;
    std::uint32_t text_bytes = 0;
    std::array<char, text_bytes_max> text{};  // listen, close: the owner; file: an absolute path.
    sockaddr_storage address{};

    net::listen_spec spec() const noexcept;
    void set_spec(const net::listen_spec& from) noexcept;
    std::string_view words() const noexcept { return {text.data(), text_bytes}; }
    void set_owner(std::string_view name) noexcept;  // Cut to owner_bytes_max.
    bool set_path(std::string_view path) noexcept;   // False: longer than text_bytes_max.
};

// Every field within its bounds, and `kind` one that this side may get. Pure.
bool is_valid(const message& m, std::size_t bytes, std::size_t fds, bool from_engine) noexcept;

struct received {
    message text;
    std::vector<base::unique_fd> fds;
};

class channel {
public:
    enum class side { master, engine };
    enum class status { message, empty, closed, damaged };

    channel() = default;  // Closed.
    channel(base::unique_fd fd, side own) : fd_(std::move(fd)), side_(own) {}

    // Two connected ends, master's first; close-on-exec. Throws std::system_error.
    static std::pair<channel, channel> make_pair();

    int fd() const noexcept { return fd_.get(); }

    // Neither waits. `send` says no when the other side is gone or does not read: errno is EAGAIN
    // then.
    bool send(message text, const std::vector<int>& fds = {}) noexcept;
    status receive(received& out);

private:
    base::unique_fd fd_;
    side side_ = side::engine;
};

}  // namespace pkernel::runtime

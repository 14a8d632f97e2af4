// c-ares: one channel to the name servers, and the sockets that it waits for.

#pragma once

#define CARES_NO_DEPRECATED  // What Debian 12 has, later versions would warn of.
#include <ares.h>
#include <poll.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "answer.hpp"

namespace dns {

struct channel_settings {
    std::string servers;  // "127.0.0.1:53,[::1]:53"; empty: those of /etc/resolv.conf
    int timeout_ms = 1000;
    int tries = 3;
    auto operator<=>(const channel_settings&) const = default;
};

// An fd that becomes readable when somebody rings.
class waker_fd {
public:
    waker_fd();
    ~waker_fd();
    waker_fd(const waker_fd&) = delete;
    waker_fd& operator=(const waker_fd&) = delete;
    void ring() noexcept;  // [any]
    void clear() noexcept;
    int fd() const noexcept { return fd_; }

private:
    const int fd_;
};

// One thread at a time.
class channel {
public:
    // Throws std::runtime_error with what c-ares says.
    explicit channel(const channel_settings& conf);
    ~channel();
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    // Calls back with the message, perhaps within this call; with ARES_EDESTRUCTION at the end.
    void ask(const std::string& name, record_type type, ares_callback back, void* with);
    // The addresses of /etc/hosts for the name; none: it does not stand there.
    std::vector<pk_address> in_hosts_file(const std::string& name, record_type type);

    // What to wait for, and how long at most (ms, -1: as long as one likes); then what came of it.
    int wait_time(int at_most) const;
    void add_fds(std::vector<pollfd>& to) const;
    void process(const pollfd* first, std::size_t count);

    // Whether /etc/resolv.conf is another one than when this was made.
    bool is_outdated() const;

private:
    static void state_changed(void* self, ares_socket_t fd, int readable, int writable);
    struct file_state {
        std::int64_t size = -1, inode = 0, seconds = 0, nanoseconds = 0;
        bool operator==(const file_state&) const = default;
    };
    static file_state resolv_conf();

    ares_channel raw_ = nullptr;
    std::map<ares_socket_t, short> fds_;
    const bool from_file_;
    file_state made_of_;
};

}  // namespace dns

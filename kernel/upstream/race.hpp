// Connecting to the first of an endpoint's addresses that answers (RFC 8305, "Happy Eyeballs").
//
// The address that worked last is tried first, the others follow in their order: the next one as
// soon as one has failed, or when those under way have said nothing for `stagger`. The first that
// connects wins and the others are closed. So a family of addresses that leads nowhere costs
// `stagger` once, not a connect timeout each time. One worker's thread; destroyed through
// loop::retire, since events of sockets that it has closed may still be under way.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/address.hpp"
#include "kernel/net/loop.hpp"

namespace pkernel::upstream {

using net::socket_address;

// Where one endpoint is to be found. What it refers to outlives the connecting.
struct destination {
    const std::vector<socket_address>* addresses;  // Never empty.
    // The index that connected last, of all workers; relaxed. Null: not remembered.
    std::atomic<std::uint32_t>* best = nullptr;
    std::uint16_t port = 0;  // Instead of the addresses' own; 0: theirs.

    socket_address at(std::size_t i) const noexcept {
        socket_address out = (*addresses)[i];
        if (port && out.family() != AF_UNIX) out.set_port(port);
        return out;
    }
};

class race_owner {
public:
    // Connected, to `at`. The loop knows the fd by a target of the race: retarget it.
    // The race has ended: release and retire it.
    virtual void race_won(base::unique_fd fd, const socket_address& at) = 0;
    // No address could be reached; the error of the last to fail. The race has ended.
    virtual void race_lost(int error) = 0;

protected:
    ~race_owner() = default;
};

class race final : public net::retired {
public:
    static constexpr net::nanoseconds stagger = std::chrono::milliseconds(250);
    static constexpr std::size_t lanes_max = 8;  // Sockets at a time.

    race(net::loop& loop, const destination& to, race_owner& owner);
    ~race() override;

    // The answer comes later, from the loop. False: all failed at once, errno tells.
    bool start();
    // Closes all; no call follows. Then retire it.
    void end() noexcept;

private:
    struct lane final : net::io_target {
        void on_io(std::uint32_t events) override { in->heard(*this, events); }
        race* in = nullptr;
        base::unique_fd fd;
        std::size_t index = 0;
    };

    void heard(lane& from, std::uint32_t events);
    bool begin_next();
    bool begin(lane& with, std::size_t index);
    lane* free_lane() noexcept;
    std::size_t next_index() noexcept;

    net::loop& loop_;
    const destination to_;
    race_owner& owner_;
    const std::size_t first_;
    std::size_t tried_ = 0;
    std::size_t running_ = 0;
    int error_ = 0;
    bool over_ = false;
    std::array<lane, lanes_max> lanes_;
    net::timer timer_;
};

}  // namespace pkernel::upstream

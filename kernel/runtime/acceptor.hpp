// Accepts connections from one listening socket on one worker.

#pragma once

#include <cstdint>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/runtime/deferred_accept.hpp"
#include "pkernel/abi/base.h"

namespace pkernel::runtime {

class acceptor;

// Whom an acceptor hands connections to.
class accept_target {
public:
    // Takes the fd. False: no more now, the caller pauses.
    virtual void accepted(int fd, std::uint32_t listener, const pk_address& peer,
                          const pk_address& local) = 0;
    // Descriptors have run out: one may be given up so that a client can be told no at once.
    virtual void out_of_descriptors(int listening_fd) = 0;
    // finish() had said that there may be more: now there is not. Destroys the acceptor.
    virtual void finished(acceptor& which) = 0;

protected:
    ~accept_target() = default;
};

class acceptor final : public net::io_target {
public:
    static constexpr int accepts_per_turn_max = 64;
    static constexpr int used_up_max = 4;  // Turns in a row, before more are tried in one.
    static constexpr net::nanoseconds pause = std::chrono::milliseconds(100);

    acceptor(net::loop& loop, accept_target& to, base::unique_fd fd, std::uint32_t listener);
    ~acceptor();

    // Leaves what comes in the backlog; until told to go on.
    void hold();
    void go_on();
    // Takes all that waits in the backlog, then stops for good. False: the system keeps some back
    // still; accept_target::finished follows.
    bool finish();

    // The listener's number in the generation that is in force.
    std::uint32_t listener() const noexcept { return listener_; }
    void now_of(std::uint32_t listener) noexcept { listener_ = listener; }

    void on_io(std::uint32_t events) override;

private:
    bool accept_one();
    void watch();
    void look_after(net::nanoseconds time) noexcept;
    void look();

    net::loop& loop_;
    accept_target& to_;
    const base::unique_fd fd_;
    std::uint32_t listener_;
    pk_address local_{};
    bool any_ = false;  // Bound to every address: each connection's own end must be asked for.
    bool tcp_ = true;
    bool held_ = false;
    int quota_ = 1;         // Of a turn.
    int used_up_ = 0;       // So many turns in a row took all of it.
    bool leaving_ = false;  // Only what the system keeps back is waited for.
    deferred_accept deferred_;
    net::timer resume_;
    net::timer look_;
};

}  // namespace pkernel::runtime

// A client's connection as its worker keeps it, whatever codec it speaks.

#pragma once

#include <cstdint>

#include "kernel/base/end_reason.hpp"
#include "kernel/base/list.hpp"
#include "kernel/net/wire.hpp"

namespace pkernel::stream {

// A connection that was accepted; the loop may know its fd by another target already.
struct accepted_connection {
    net::wire wire;
    std::uint32_t listener;
    pk_address peer, local;
    bool known = false;  // To the loop.
};

// What a client must do at the least, in either direction, while we wait for it or hold something
// for it (behaviour D).
inline constexpr std::uint64_t rate_min = 240;  // Bytes a second.
constexpr std::uint64_t least_in(net::nanoseconds window) noexcept {
    return rate_min * static_cast<std::uint64_t>(window.count()) / 1'000'000'000u;
}

// It owns itself: it ends through loop::retire, after it told its keeper.
class client_connection : public net::io_target,
                          public net::retired,
                          public base::list_hook<client_connection> {
public:
    explicit client_connection(std::uint32_t listener) noexcept : listener_(listener) {}

    // Registers with the loop, or takes over from the object that had the fd there. False: the
    // connection is closed and retired.
    virtual bool start() = 0;
    // No further request will be served: an idle connection waits `grace` for one that is under
    // way.
    virtual void drain(net::nanoseconds grace) = 0;
    // Ends it now, whatever it does.
    virtual void kill(base::end_reason why) = 0;

    // When memory is short. Between two requests, with nothing of the next one there; one that has
    // just been accepted is not, for its first may be under way.
    virtual bool idle() const noexcept { return false; }
    // What it holds in blocks.
    virtual std::size_t memory_bytes() const noexcept { return 0; }
    // Ends what it does: by 503 if the response has not begun, else by a reset.
    virtual void shed() { kill({PK_END_LIMIT, "memory_shed"}); }
    // Memory is not full any more: what was not read for that is read.
    virtual void go_on() {}

    std::uint32_t listener_index() const noexcept { return listener_; }

protected:
    const std::uint32_t listener_;
};

// Who counts the connections of a worker.
class connection_keeper {
public:
    virtual void connection_closed(client_connection& c) = 0;
    // `next` goes on with the connection of `c`, which is no longer kept, and starts.
    virtual void connection_goes_on(client_connection& c, client_connection& next) = 0;

protected:
    ~connection_keeper() = default;
};

}  // namespace pkernel::stream

// A client's connection as its worker keeps it, whatever codec it speaks.

#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "kernel/base/end_reason.hpp"
#include "kernel/base/list.hpp"
#include "kernel/net/wire.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/memory_holder.hpp"
#include "kernel/stream/survivors.hpp"

namespace pkernel::stream {

// A connection that was accepted; the loop may know its fd by another target already.
struct accepted_connection {
    net::wire wire;
    std::shared_ptr<const listener_plan> listener;
    pk_address peer, local;
    bool known = false;  // To the loop.
};

// What a client must do at the least, in either direction, while we wait for it or hold something
// for it (behaviour D).
inline constexpr std::uint64_t rate_min = 240;  // Bytes a second.
constexpr std::uint64_t least_in(net::nanoseconds window) noexcept {
    return rate_min * static_cast<std::uint64_t>(window.count()) / 1'000'000'000u;
}

// A client that has closed its side, while its response is under way and silent: gone after this
// long.
inline constexpr net::nanoseconds gone_after = std::chrono::milliseconds(800);

// It owns itself: it ends through loop::retire, after it told its keeper.
class client_connection : public net::io_target,
                          public net::retired,
                          public memory_holder,
                          public base::list_hook<client_connection> {
public:
    explicit client_connection(std::shared_ptr<const listener_plan> by) noexcept
        : accepted_by_(std::move(by)), listener_(accepted_by_.get()) {}

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
    std::size_t memory_bytes() const noexcept override { return 0; }
    // By 503 if the response has not begun, else by a reset.
    void shed() override { kill({PK_END_LIMIT, "memory_shed"}); }
    // Memory is not full any more: what was not read for that is read.
    virtual void go_on() {}

    // Its transport and codec are of this one, whatever the config says meanwhile.
    const listener_plan& accepted_by() const noexcept { return *accepted_by_; }
    // What holds for it now: timeouts, limits, logs. Of the site that its next stream begins on.
    const listener_plan& listener() const noexcept { return *listener_; }

    // A reload. Its listener's place has another plan, which lives until the next call here or as
    // long as this connection.
    void now_of(const listener_plan& next) noexcept { listener_ = &next; }
    // The same reload. Its tunnels that have nothing left in the new generation are told.
    virtual void tell_tunnels(survivors&) {}
    // Its listener has gone: what it still serves, it serves on `old`. To be drained.
    void stay_on(std::shared_ptr<site> old) noexcept {
        if (!stays_on_) stays_on_ = std::move(old);
    }
    bool is_left_behind() const noexcept { return stays_on_ != nullptr; }

protected:
    const std::shared_ptr<site>& newest_site(const context& c) const noexcept {
        return stays_on_ ? stays_on_ : c.current;
    }

private:
    const std::shared_ptr<const listener_plan> accepted_by_;
    const listener_plan* listener_;
    std::shared_ptr<site> stays_on_;
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

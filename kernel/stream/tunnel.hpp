// What a stream is once the origin has granted its upgrade: two directions that end on their own.
//
// A part of its stream, made with the 101. The bytes travel as bodies do, in the stream's lanes,
// with their back-pressure; here are the limits, the notices, and which directions the plugin
// looks at.

#pragma once

#include <cstdint>

#include "kernel/base/end_reason.hpp"
#include "kernel/net/timer.hpp"
#include "kernel/stream/slot.hpp"

namespace pkernel::stream {

class stream;

class tunnel {
public:
    // For a plugin to end what it was told to, by its own goodbye.
    static constexpr net::nanoseconds goodbye_max = std::chrono::seconds(5);

    tunnel(stream& s, slot& who);

    bool open() const noexcept { return open_; }
    // The 101 is on its way to the client.
    void begin();
    // Bytes came, from either side.
    void moved() noexcept;
    // The process goes, in `left`; or, at 0, a reload leaves the tunnel behind. Once for each.
    void drain(net::nanoseconds left);
    void stop() noexcept { timer_.cancel(); }

    // pk.tunnel_service/1.
    static const void* service() noexcept;
    // pk_stream_api's, where a tunnel begins.
    static pk_status transform(slot& s, std::uint32_t direction);

private:
    static tunnel* of(pk_stream* h) noexcept;
    static pk_status set_interest(pk_stream* h, std::uint32_t direction, std::uint32_t interest);
    static pk_status set_limits(pk_stream* h, std::uint64_t idle_ns, std::uint64_t life_ns);
    bool in_accepted() const noexcept;
    void watch();
    void expire();
    void ran_out(std::uint32_t which, base::end_reason why);
    void end(base::end_reason why);

    stream& stream_;
    slot& who_;
    bool open_ = false;
    bool drained_ = false;  // Told that the process goes...
    bool left_ = false;     // ...or that a reload left it behind.
    bool settled_ = false;  // The stream is: in the turn after the 101, with nothing under way.
    bool told_[2] = {false, false};  // By PK_TUNNEL_....
    net::nanoseconds idle_;          // 0: none.
    net::nanoseconds life_{0};
    net::instant last_byte_{};
    net::instant began_{};  // As far as `life_` is concerned.
    net::instant goodbye_until_{0};
    base::end_reason why_;
    net::timer timer_;
};

}  // namespace pkernel::stream

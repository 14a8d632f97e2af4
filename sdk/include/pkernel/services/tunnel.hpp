// What a tunnel looks at, and how long it may last (pk.tunnel_service/1).

#pragma once

#include <pkernel/abi/tunnel.h>
#include <pkernel/host.hpp>
#include <pkernel/stream.hpp>

#include <chrono>
#include <optional>

namespace pk {

// Made by the instance's constructor; copyable. [worker]
class tunnels {
public:
    explicit tunnels(const host& h)
        : table_(&h.required<pk_tunnel_service>(PK_TUNNEL_SERVICE_ID)) {}

    // In on_accepted: what comes from that side comes to on_data.
    [[nodiscard]] pk_status look_at(stream& s, direction d) const noexcept {
        return table_->set_interest(s.raw(), static_cast<std::uint32_t>(d), PK_TUNNEL_DATA);
    }
    // For good: from here on the kernel moves it alone.
    pk_status look_away(stream& s, direction d) const noexcept {
        return table_->set_interest(s.raw(), static_cast<std::uint32_t>(d), 0);
    }
    // Zero: none; nothing: as it is, which is at first the route's idle limit and no other. From
    // on_accepted on; each call starts both anew.
    [[nodiscard]] pk_status limits(stream& s, std::optional<std::chrono::nanoseconds> idle,
                                   std::optional<std::chrono::nanoseconds> life) const noexcept {
        return table_->set_limits(s.raw(), raw(idle), raw(life));
    }

private:
    static std::uint64_t raw(std::optional<std::chrono::nanoseconds> limit) noexcept {
        return limit ? static_cast<std::uint64_t>(limit->count()) : PK_TUNNEL_AS_IS;
    }

    const pk_tunnel_service* table_;
};

}  // namespace pk

// Which endpoint the next attempt goes to: the balancer's pick among those that may be picked.
//
// One for each upstream and worker, on that worker's thread.

#pragma once

#include <cstdint>
#include <vector>

#include "kernel/upstream/endpoint.hpp"
#include "kernel/upstream/pool.hpp"
#include "pkernel/abi/stream.h"

namespace pkernel::upstream {

// Which endpoints one request has tried. At most attempts_max of them.
struct tried {
    static constexpr std::uint32_t attempts_max = 16;
    std::uint32_t index[attempts_max];
    std::uint32_t count = 0;
    bool has(std::uint32_t i) const noexcept {
        for (std::uint32_t k = 0; k < count; ++k)
            if (index[k] == i) return true;
        return false;
    }
};

class chooser {
public:
    // `connections` and `of` outlive it.
    chooser(const upstream& of, pool& connections, plugin::marker_slot& marker,
            std::uint32_t worker, std::uint64_t seed);

    // The index of an endpoint that was not tried yet, primaries before backups, or PK_NO_ENDPOINT.
    // `stream` is the handle that the balancer may read the request by.
    std::uint32_t pick(const tried& before, pk_stream* stream);

    // How an attempt at it ended, for balancers that ask.
    void result(std::uint32_t index, std::uint32_t cause, net::nanoseconds took);

    // Counts a request at the endpoint where its limit or the balancer asks for it. False: it is
    // full.
    bool reserve(std::uint32_t index) noexcept;
    void release(std::uint32_t index) noexcept;

    // Keeps a reusable connection within the upstream's pool limits.
    void keep(std::uint32_t index, connection* c);

    const upstream& of() const noexcept { return upstream_; }
    peer_pool& peers(std::uint32_t index) noexcept { return *peers_[index]; }

private:
    bool counts(const endpoint& e) const noexcept {
        return e.connections_max > 0 || (upstream_.balancer_needs & PK_BALANCER_IN_FLIGHT);
    }
    std::uint32_t ask(const std::uint32_t* candidates, std::uint32_t count, const tried& before,
                      pk_stream* stream);

    const upstream& upstream_;
    plugin::marker_slot& marker_;
    const std::uint32_t worker_;
    std::uint64_t random_;
    std::vector<peer_pool*> peers_;
    std::vector<std::int64_t> words_;
    std::vector<std::uint32_t> candidates_;
};

}  // namespace pkernel::upstream

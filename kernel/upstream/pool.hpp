// Idle upstream connections, kept for the next request to the same peer.
//
// A pool belongs to one worker and is touched only on that worker's thread: no locks, no atomics.
// It owns what is idle and nothing else; a connection in use is owned by the exchange that uses it.

#pragma once

#include <map>
#include <memory>

#include "kernel/upstream/connection.hpp"

namespace pkernel::upstream {

class pool;

// The idle connections to one peer.
class peer_pool {
public:
    // The connection that went idle last and is still good for at least `margin`, or null. It is
    // the caller's then.
    connection* take(net::nanoseconds margin);

    // Keeps a reusable() connection for at most `idle_time_max` (the origin's own hint is honoured
    // if shorter). Past `idle_max` of them, or the pool's own limit, the longest idle one is
    // closed.
    void keep(connection* c, net::nanoseconds idle_time_max, std::size_t idle_max);

    std::size_t size() const noexcept { return size_; }
    const peer_key& key() const noexcept { return key_; }

private:
    friend class pool;
    struct idle;
    peer_pool(pool& owner, peer_key key) : pool_(owner), key_(std::move(key)) {}

    pool& pool_;
    const peer_key key_;
    base::list<idle, peer_pool> idle_;  // Front: idle longest.
    std::size_t size_ = 0;
    std::uint64_t round_ = 0;
    bool left_ = false;  // The config: nothing is kept any more.
};

class pool {
public:
    struct limits {
        std::size_t idle_total_max = 16 * 1024;
    };
    pool(net::loop& loop, limits l);
    ~pool();
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;

    std::shared_ptr<peer_pool> of(const peer_key& key);
    // Closes what is idle to peers that `of` was not asked for since the last begin_round: they
    // have left the config. What comes back from those later is closed.
    void begin_round() noexcept { ++round_; }
    void end_round();
    std::size_t size() const noexcept { return size_; }
    void close_all();

private:
    friend class peer_pool;
    friend struct peer_pool::idle;
    peer_pool::idle* make_record();
    void drop(peer_pool::idle& one);

    net::loop& loop_;
    const limits limits_;
    std::map<peer_key, std::shared_ptr<peer_pool>> peers_;
    base::list<peer_pool::idle, pool> by_age_;  // Front: idle longest.
    base::list<peer_pool::idle, pool> spare_;
    std::size_t size_ = 0;
    std::uint64_t round_ = 0;
};

}  // namespace pkernel::upstream

// What the streams of one worker share. One of it a worker, touched on its thread only, but for the
// wakers' doors.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/block.hpp"
#include "kernel/base/chunk_pool.hpp"
#include "kernel/base/guess.hpp"
#include "kernel/base/memory_budget.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/net/pipe_pool.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/plugin/call_marker.hpp"
#include "kernel/stream/admission.hpp"
#include "kernel/stream/plan.hpp"
#include "kernel/upstream/chooser.hpp"
#include "kernel/upstream/pool.hpp"

namespace pkernel::stream {

class stream;
class waker_table;
class lent_memory;
class offload_port;
class subrequest_table;

// The generation on one worker: its choosers. Streams hold it while they run, and so does a
// connection whose listener has left the config.
struct site {
    std::shared_ptr<const generation> plan;
    // Each counted on this worker alone: a connection holds the one that accepted it.
    std::vector<std::shared_ptr<const listener_plan>> listeners;
    // By upstream; those of upstreams that have not changed are the ones of the site before.
    std::vector<std::shared_ptr<upstream::chooser>> choosers;
};

struct context {
    context(net::loop& l, std::uint32_t worker, plugin::marker_slot& m);
    ~context();
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    net::loop& loop;
    const std::uint32_t worker;
    plugin::marker_slot& marker;
    base::block_pool blocks;
    base::chunk_pool chunks;
    upstream::pool connections;
    net::pipe_pool pipes;
    std::unique_ptr<waker_table> wakers;
    const std::unique_ptr<net::session_services> session_services;
    net::session_context sessions;
    std::unique_ptr<subrequest_table> subrequests;
    std::unique_ptr<lent_memory> lent;
    std::unique_ptr<offload_port> offload;  // Null while there is no pool, and after the end.
    // What all workers' spill files hold; null: there can be none. Outlives it.
    std::atomic<std::uint64_t>* spilled = nullptr;
    std::shared_ptr<site> current;
    bool draining = false;
    net::instant drain_ends{};  // While draining: what is left then is killed.
    net::nanoseconds drain_left() const noexcept {
        return draining ? drain_ends - loop.now() : net::nanoseconds(0);
    }
    // As this worker knows it. The counts are of what it has caused.
    base::memory_level memory = base::memory_level::normal;
    std::uint64_t refused_for_memory = 0;
    std::uint64_t refused_for_load = 0;
    admission gate{&net::processor_wait};
    base::guess early_requests;  // Does a request come with its connection?
    std::string via;             // "1.1 <pseudonym>"

    // Responses say Connection: close.
    bool last_requests() const noexcept { return draining || memory != base::memory_level::normal; }

    // Whether this worker takes one more request now, or is overloaded.
    bool has_time(const site& at);

    std::uint64_t random() noexcept;
    // "Sun, 06 Nov 1994 08:49:37 GMT", made once a second.
    std::string_view http_date();

    stream* new_stream();
    void free_stream(stream* s) noexcept;
    std::size_t streams() const noexcept { return streams_; }
    void free_spare_streams() noexcept;

private:
    std::uint64_t random_;
    net::instant date_until_{};
    char date_[32];
    stream* spare_ = nullptr;
    std::size_t spare_count_ = 0;
    std::size_t streams_ = 0;
};

}  // namespace pkernel::stream

// What one worker does when the process is short of memory, by the levels of memory_budget: it
// closes what idles, ends those that hold most, refuses and stops accepting; and goes back.
//
// On the worker's thread. It looks when its own pool has grown, each second, and every look_again
// while memory is short.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/base/memory_budget.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/plugin/metrics.hpp"
#include "kernel/stream/client_connection.hpp"
#include "kernel/stream/context.hpp"

namespace pkernel::runtime {

// The kernel's own metrics of memory and load. Any thread counts.
struct memory_metrics {
    explicit memory_metrics(plugin::metric_registry& all);
    const std::shared_ptr<plugin::metric_set> set;
    std::uint32_t limit, used, level;                    // Gauges.
    std::uint32_t closed_idle, shed, refused, overload;  // Counters.
};

class relief final : private net::deferred {
public:
    using connections = base::list<stream::client_connection, stream::client_connection>;
    static constexpr net::nanoseconds look_again = std::chrono::milliseconds(50);
    // One that holds less is never ended for it.
    static constexpr std::size_t shed_least = 32 * 1024;

    // All outlive it. `accepting` is told when to stop and when to go on.
    relief(stream::context& c, connections& all, base::memory_budget& budget,
           memory_metrics& metrics, void (*accepting)(void* owner, bool on), void* owner);

    // Each second.
    void look();

private:
    void run_deferred() override { look(); }
    void grown() noexcept;
    void enter(base::memory_level now);
    void tell_counts();
    void close_idle();
    void shed();

    stream::context& context_;
    connections& connections_;
    base::memory_budget& budget_;
    memory_metrics& metrics_;
    void (*const accepting_)(void*, bool);
    void* const owner_;
    bool tell_ = false;  // The level has changed by our look, and nobody has said so.
    base::memory_level entered_ = base::memory_level::normal;
    std::uint64_t refused_told_ = 0, overload_told_ = 0;
    std::vector<stream::memory_holder*> largest_;
    net::timer timer_;
};

}  // namespace pkernel::runtime

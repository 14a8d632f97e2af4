// What the host offers to instances: service tables by id, and what the kernel itself needs to know
// about the engine in order to make and call them.
//
// One of it lives as long as the process. It is filled before the first instance is created; after
// that its settings are read from every thread and changed by none, but for the log level.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/plugin/call_marker.hpp"
#include "kernel/plugin/metrics.hpp"
#include "kernel/plugin/this_thread.hpp"
#include "pkernel/abi/logger.h"

namespace pkernel::plugin {

class instance;

// Called from any thread. The line is escaped, without a newline, and lent for the call.
using log_sink = void (*)(int level, std::string_view line);

// Both are called from any thread. The default reads the system's clocks.
struct time_source {
    std::uint64_t (*now)();      // Monotonic ns; on a worker the loop's cached value.
    std::uint64_t (*unix_ns)();  // Wall clock.
};

class services {
public:
    // Offers pk.logger/1, pk.clock/1 and pk.metrics/1 from the start.
    explicit services(std::uint32_t worker_count);
    services(const services&) = delete;
    services& operator=(const services&) = delete;

    // The table, which must live as long as this, is what host->get(id) answers. Replaces an
    // earlier one.
    void provide(std::string_view id, const void* table);
    const void* find(std::string_view id) const;

    void set_log_sink(log_sink sink) noexcept { sink_ = sink; }
    void set_log_level(std::uint32_t least) noexcept { level_.store(least); }  // [any]
    void set_time(time_source time) noexcept { time_ = time; }

    // `slots` has worker_count + 1 elements, [0] for the control thread; shared with the master.
    void set_markers(marker_slot* slots) noexcept { markers_ = slots; }
    // Told of each instance before any of its code runs: which name a number in a marker stands
    // for.
    void set_naming(std::function<void(std::uint32_t number, std::string_view label)> naming) {
        naming_ = std::move(naming);
    }
    // Makes what the node's handle of an inner instance of `point` points at: thunks of the
    // kernel's, never the plugin's own table. It is kept as long as the outer instance, which
    // `inner` outlives.
    using handle_maker = std::function<std::shared_ptr<const void>(instance& inner)>;
    void set_handle_maker(std::string_view point, handle_maker maker);
    const handle_maker* find_handle_maker(std::string_view point) const;
    // What ends an instance whose last reference went, on whatever thread that was: it must see to
    // it that `delete` runs on the control thread. The default deletes at once.
    void set_retire(std::function<void(instance*)> retire) { retire_ = std::move(retire); }

    std::uint32_t worker_count() const noexcept { return worker_count_; }
    metric_registry& metrics() noexcept { return metrics_; }
    const time_source& time() const noexcept { return time_; }
    bool logs(std::uint32_t level) const noexcept {
        return sink_ && level >= level_.load(std::memory_order_relaxed);
    }
    // Writes "label: line", escaped and cut at 4 KiB.
    void log(std::uint32_t level, std::string_view label, std::string_view line) const;

    // Of the calling thread.
    marker_slot& marker() noexcept { return markers_[thread_index]; }

    // [control] From 1; one that was given back may be had again, so that they stay small over many
    // reloads.
    std::uint32_t next_number() {
        if (free_numbers_.empty()) return ++numbers_;
        const std::uint32_t number = free_numbers_.back();
        free_numbers_.pop_back();
        return number;
    }
    void give_back(std::uint32_t number) { free_numbers_.push_back(number); }
    void name(std::uint32_t number, std::string_view label) const {
        if (naming_) naming_(number, label);
    }
    void retire(instance* i) const { retire_(i); }

private:
    const std::uint32_t worker_count_;
    std::map<std::string, const void*, std::less<>> tables_;
    std::map<std::string, handle_maker, std::less<>> handle_makers_;
    log_sink sink_ = nullptr;
    std::atomic<std::uint32_t> level_{PK_LOG_INFO};
    time_source time_;
    const std::unique_ptr<marker_slot[]> own_markers_;
    marker_slot* markers_;
    std::uint32_t numbers_ = 0;
    std::vector<std::uint32_t> free_numbers_;
    std::function<void(std::uint32_t, std::string_view)> naming_;
    std::function<void(instance*)> retire_;
    metric_registry metrics_;
};

}  // namespace pkernel::plugin

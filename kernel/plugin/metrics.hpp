// The metrics of instances: counters, gauges and histograms.
//
// A counter or histogram has a shard a worker, on cache lines of its own, which only that worker
// writes: bumping it is a relaxed load and store, no locked instruction. Other threads share shard
// 0. A gauge is one shared word, since what it was set to last is what it means. Reading sums the
// shards at any moment.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pkernel/abi/base.h"
#include "pkernel/abi/metrics.h"

namespace pkernel::plugin {

// Where an instance stands; published as labels.
struct metric_labels {
    std::string plugin;  // Also the middle of the published name: pkernel_<plugin>_<name>.
    std::string point;
    std::string owner;
    std::uint32_t ordinal = 0;

    bool operator==(const metric_labels&) const = default;
};

struct metric_sample {
    static constexpr std::size_t bucket_count = 65;

    std::string name;
    std::string help;
    metric_labels labels;
    std::uint32_t kind = PK_COUNTER;
    std::int64_t value = 0;              // Counter, gauge.
    std::vector<std::uint64_t> buckets;  // Histogram: [k] counts observations of k significant
                                         // bits, that is from 2^(k-1) to 2^k - 1; [0] those of 0.
    std::uint64_t count = 0, sum = 0;    // Histogram.
};

// Those of one instance.
class metric_set {
public:
    static constexpr std::uint32_t metrics_max = 64;

    metric_set(metric_labels labels, std::uint32_t worker_count);
    metric_set(const metric_set&) = delete;
    metric_set& operator=(const metric_set&) = delete;
    ~metric_set();

    // [control] As pk_metrics::define. Not while another thread bumps metrics of this set.
    pk_status define(std::uint32_t kind, std::string_view name, std::string_view help,
                     std::uint32_t* metric);

    // [any] An unknown number, or one of another kind, does nothing.
    void add(std::uint32_t metric, std::int64_t value) noexcept;
    void set(std::uint32_t metric, std::int64_t value) noexcept;
    void observe(std::uint32_t metric, std::uint64_t value) noexcept;

    // [any] Appends a sample for each metric; values of one moment only per word.
    void read(std::vector<metric_sample>& out) const;

private:
    struct metric;
    metric* find(std::uint32_t number) const noexcept;

    const metric_labels labels_;
    const std::uint32_t shards_;
    mutable std::mutex defining_;                   // define against read.
    std::vector<std::unique_ptr<metric>> metrics_;  // Reserved whole: never moves.
};

// Those of all instances that live.
class metric_registry {
public:
    explicit metric_registry(std::uint32_t worker_count) : worker_count_(worker_count) {}

    // [control] Listed for as long as it lives.
    std::shared_ptr<metric_set> make(metric_labels labels);

    // [any] Ordered by name, one sample for each name and labels: while an instance drains beside
    // its successor of the same place, their counts are added.
    std::vector<metric_sample> read() const;

private:
    const std::uint32_t worker_count_;
    mutable std::mutex mutex_;
    std::vector<std::weak_ptr<const metric_set>> sets_;
};

}  // namespace pkernel::plugin

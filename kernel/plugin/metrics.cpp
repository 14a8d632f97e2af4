#include "kernel/plugin/metrics.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "kernel/base/check.hpp"
#include "kernel/plugin/this_thread.hpp"

namespace pkernel::plugin {
namespace {

constexpr std::size_t words_per_line = 8;
constexpr std::size_t sum_word = metric_sample::bucket_count;  // After the buckets.

struct alignas(64) line {
    std::array<std::atomic<std::uint64_t>, words_per_line> words{};
};

bool is_metric_name(std::string_view name) noexcept {
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

std::size_t words_of(std::uint32_t kind) noexcept {
    return kind == PK_HISTOGRAM ? sum_word + 1 : 1;
}

auto order(const metric_sample& s) {
    const auto& l = s.labels;
    return std::tie(s.name, l.owner, l.point, l.ordinal, s.kind);
}

void merge(metric_sample& into, const metric_sample& from) {
    into.value += from.value;
    into.count += from.count;
    into.sum += from.sum;
    for (std::size_t i = 0; i < into.buckets.size(); ++i) into.buckets[i] += from.buckets[i];
}

}  // namespace

struct metric_set::metric {
    metric(std::uint32_t k, std::string_view n, std::string_view h, std::uint32_t shards)
        : kind(k),
          name(n),
          help(h),
          lines_per_shard((words_of(k) + words_per_line - 1) / words_per_line),
          shard_count(k == PK_GAUGE ? 1 : shards),
          lines(new line[lines_per_shard * shard_count]) {}

    std::atomic<std::uint64_t>& word(std::uint32_t shard, std::size_t i) const noexcept {
        return lines[shard * lines_per_shard + i / words_per_line].words[i % words_per_line];
    }

    void bump(std::size_t i, std::uint64_t by) const noexcept {
        const auto shard = shard_count == 1 ? 0 : thread_index;
        auto& w = word(shard, i);
        if (shard == 0) {
            w.fetch_add(by, std::memory_order_relaxed);
        } else {
            w.store(w.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
        }
    }

    std::uint64_t total(std::size_t i) const noexcept {
        std::uint64_t sum = 0;
        for (std::uint32_t s = 0; s < shard_count; ++s) {
            sum += word(s, i).load(std::memory_order_relaxed);
        }
        return sum;
    }

    const std::uint32_t kind;
    const std::string name, help;
    const std::size_t lines_per_shard;
    const std::uint32_t shard_count;
    const std::unique_ptr<line[]> lines;
};

metric_set::metric_set(metric_labels labels, std::uint32_t worker_count)
    : labels_(std::move(labels)), shards_(worker_count + 1) {
    metrics_.reserve(metrics_max);
}

metric_set::~metric_set() = default;

pk_status metric_set::define(std::uint32_t kind, std::string_view name, std::string_view help,
                             std::uint32_t* number) {
    if (kind > PK_HISTOGRAM || !is_metric_name(name) || !number) return PK_INVALID;
    const std::lock_guard lock(defining_);
    for (std::uint32_t i = 0; i < metrics_.size(); ++i) {
        if (metrics_[i]->name != name) continue;
        if (metrics_[i]->kind != kind) return PK_INVALID;
        *number = i;
        return PK_OK;
    }
    if (metrics_.size() == metrics_max) return PK_NO_MEMORY;
    *number = static_cast<std::uint32_t>(metrics_.size());
    metrics_.push_back(std::make_unique<metric>(kind, name, help, shards_));
    return PK_OK;
}

metric_set::metric* metric_set::find(std::uint32_t number) const noexcept {
    return number < metrics_.size() ? metrics_[number].get() : nullptr;
}

void metric_set::add(std::uint32_t number, std::int64_t value) noexcept {
    const auto* m = find(number);
    if (m && m->kind != PK_HISTOGRAM) m->bump(0, static_cast<std::uint64_t>(value));
}

void metric_set::set(std::uint32_t number, std::int64_t value) noexcept {
    const auto* m = find(number);
    if (!m || m->kind != PK_GAUGE) return;
    m->word(0, 0).store(static_cast<std::uint64_t>(value), std::memory_order_relaxed);
}

void metric_set::observe(std::uint32_t number, std::uint64_t value) noexcept {
    const auto* m = find(number);
    if (!m || m->kind != PK_HISTOGRAM) return;
    m->bump(static_cast<std::size_t>(std::bit_width(value)), 1);
    m->bump(sum_word, value);
}

void metric_set::read(std::vector<metric_sample>& out) const {
    const std::lock_guard lock(defining_);
    for (const auto& m : metrics_) {
        metric_sample s;
        s.name = "pkernel_" + labels_.plugin + "_" + m->name;
        s.help = m->help;
        s.labels = labels_;
        s.kind = m->kind;
        if (m->kind == PK_HISTOGRAM) {
            for (std::size_t i = 0; i < metric_sample::bucket_count; ++i) {
                s.buckets.push_back(m->total(i));
                s.count += s.buckets.back();
            }
            s.sum = m->total(sum_word);
        } else {
            s.value = static_cast<std::int64_t>(m->total(0));
        }
        out.push_back(std::move(s));
    }
}

std::shared_ptr<metric_set> metric_registry::make(metric_labels labels) {
    auto set = std::make_shared<metric_set>(std::move(labels), worker_count_);
    const std::lock_guard lock(mutex_);
    std::erase_if(sets_, [](const auto& s) { return s.expired(); });
    sets_.push_back(set);
    return set;
}

std::vector<metric_sample> metric_registry::read() const {
    std::vector<metric_sample> all, out;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& weak : sets_) {
            if (const auto set = weak.lock()) set->read(all);
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return order(a) < order(b); });
    for (auto& s : all) {
        if (!out.empty() && order(out.back()) == order(s)) {
            merge(out.back(), s);
        } else {
            out.push_back(std::move(s));
        }
    }
    return out;
}

}  // namespace pkernel::plugin

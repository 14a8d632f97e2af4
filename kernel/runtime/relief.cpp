#include "kernel/runtime/relief.hpp"

#include <algorithm>

#include "kernel/base/log.hpp"
#include "kernel/stream/subrequest.hpp"

namespace pkernel::runtime {

using base::memory_level;

namespace {

base::repeat_limit level_lines[4];  // One a level.

void tell(memory_level level, const base::memory_budget& budget) {
    static constexpr const char* what[] = {
        "memory: below 75% of its limit again", "memory: idle connections are closed, none is kept",
        "memory: the largest requests are ended", "memory: new requests get 503, none is accepted"};
    const auto mib = [](std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
    base::log(level == memory_level::normal ? base::log_level::info : base::log_level::warning,
              std::string(what[static_cast<int>(level)]) + " (" + mib(budget.used()) + " of " +
                  mib(budget.limit()) + ')',
              level_lines[static_cast<int>(level)]);
}

}  // namespace

memory_metrics::memory_metrics(plugin::metric_registry& all)
    : set(all.make({"kernel", "", "", 0})) {
    set->define(PK_GAUGE, "memory_limit_bytes", "What the engine may use.", &limit);
    set->define(PK_GAUGE, "memory_used_bytes", "What it uses, as last looked at.", &used);
    set->define(PK_GAUGE, "memory_level", "0 normal, 1 above 80%, 2 above 90%, 3 above 95%.",
                &level);
    set->define(PK_COUNTER, "memory_closed_idle", "Idle connections closed for memory.",
                &closed_idle);
    set->define(PK_COUNTER, "memory_shed", "Requests ended because they held most.", &shed);
    set->define(PK_COUNTER, "memory_refused", "Requests that got 503 for memory.", &refused);
    set->define(PK_COUNTER, "overload_refused", "Requests that got 503 for want of time.",
                &overload);
}

relief::relief(stream::context& c, connections& all, base::memory_budget& budget,
               memory_metrics& metrics, void (*accepting)(void*, bool), void* owner)
    : context_(c),
      connections_(all),
      budget_(budget),
      metrics_(metrics),
      accepting_(accepting),
      owner_(owner),
      timer_([](void* self) { static_cast<relief*>(self)->look(); }, this) {
    c.blocks.report_to(
        budget, [](void* self) { static_cast<relief*>(self)->grown(); }, this);
}

// Inside whatever took the block: sources stop at once, the rest is done when it has returned.
void relief::grown() noexcept {
    const auto seen = budget_.look();
    tell_ = tell_ || seen.changed;
    if (seen.level == context_.memory && seen.level < memory_level::severe) return;
    context_.memory = std::max(context_.memory, seen.level);
    context_.blocks.set_lean(true);
    context_.loop.defer(*this);
}

void relief::look() {
    const auto seen = budget_.look();
    if (seen.changed || std::exchange(tell_, false)) {
        tell(seen.level, budget_);
        metrics_.set->set(metrics_.level, static_cast<std::int64_t>(seen.level));
    }
    metrics_.set->set(metrics_.used, static_cast<std::int64_t>(budget_.used()));
    tell_counts();
    context_.memory = seen.level;
    if (seen.level != entered_) enter(seen.level);
    if (seen.level == memory_level::normal) return;
    close_idle();
    if (seen.level >= memory_level::severe) shed();
    timer_.arm(context_.loop.timers(), context_.loop.now() + look_again);
}

void relief::tell_counts() {
    const auto tell = [&](std::uint32_t metric, std::uint64_t count, std::uint64_t& told) {
        if (const auto more = count - std::exchange(told, count))
            metrics_.set->add(metric, static_cast<std::int64_t>(more));
    };
    tell(metrics_.refused, context_.refused_for_memory, refused_told_);
    tell(metrics_.overload, context_.refused_for_load, overload_told_);
}

void relief::enter(memory_level now) {
    const auto before = std::exchange(entered_, now);
    context_.blocks.set_lean(now != memory_level::normal);
    if (now != memory_level::normal) {
        context_.free_spare_streams();
        context_.connections.close_all();
    }
    const bool was_full = before == memory_level::full, is_full = now == memory_level::full;
    if (was_full == is_full) return;
    accepting_(owner_, !is_full);
    if (was_full) connections_.for_each([](stream::client_connection& c) { c.go_on(); });
}

void relief::close_idle() {
    std::int64_t closed = 0;
    connections_.for_each([&](stream::client_connection& c) {
        if (!c.idle()) return;
        c.shed();
        ++closed;
    });
    if (closed) metrics_.set->add(metrics_.closed_idle, closed);
}

// Those that hold most, until this worker's part of what is too much has been given back.
void relief::shed() {
    const auto used = budget_.used(), mark = budget_.relief_mark(), all = budget_.blocks();
    if (used <= mark || all == 0) return;
    const double share =
        static_cast<double>(context_.blocks.held_bytes()) / static_cast<double>(all);
    auto left = static_cast<std::int64_t>(static_cast<double>(used - mark) * std::min(share, 1.0));
    largest_.clear();
    const auto consider = [this](stream::memory_holder& one) {
        if (one.memory_bytes() >= shed_least) largest_.push_back(&one);
    };
    connections_.for_each(consider);
    context_.subrequests->for_each_detached(consider);
    std::sort(largest_.begin(), largest_.end(),
              [](const auto* a, const auto* b) { return a->memory_bytes() > b->memory_bytes(); });
    std::int64_t ended = 0;
    for (stream::memory_holder* one : largest_) {
        if (left <= 0) break;
        left -= static_cast<std::int64_t>(one->memory_bytes());
        one->shed();
        ++ended;
    }
    if (ended) metrics_.set->add(metrics_.shed, ended);
}

}  // namespace pkernel::runtime

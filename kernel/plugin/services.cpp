#include "kernel/plugin/services.hpp"

#include <array>
#include <chrono>
#include <cstring>

#include "kernel/plugin/host.hpp"
#include "kernel/plugin/instance.hpp"
#include "pkernel/abi/clock.h"
#include "pkernel/abi/metrics.h"

namespace pkernel::plugin {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::string_view cut_mark = "...";

template <class Clock>
std::uint64_t ns_since_epoch() {
    const auto t = Clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(t).count());
}

// Builds a line on the stack. Every byte but printable ASCII is shown as \xNN, so that what a
// client sent can neither forge a line nor steer a terminal.
class line_buffer {
public:
    void append(std::string_view text) {
        static constexpr char hex[] = "0123456789abcdef";
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '\\') {
                put("\\\\");
            } else if (byte >= 0x20 && byte < 0x7f) {
                put({&c, 1});
            } else {
                const char escape[] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
                put({escape, sizeof escape});
            }
        }
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

private:
    void put(std::string_view s) {
        if (cut_) return;
        if (size_ + s.size() > line_bytes_max - cut_mark.size()) {
            cut_ = true;
            s = cut_mark;
        }
        std::memcpy(bytes_.data() + size_, s.data(), s.size());
        size_ += s.size();
    }

    std::array<char, line_bytes_max> bytes_;
    std::size_t size_ = 0;
    bool cut_ = false;
};

std::string_view view(pk_str s) {
    return {s.data, static_cast<std::size_t>(s.size)};
}

void write(const pk_host* h, std::uint32_t level, pk_str line) {
    const auto& self = host::of(h);
    self.all().log(level, self.label_text(), view(line));
}

std::uint32_t enabled(const pk_host* h, std::uint32_t level) {
    return host::of(h).all().logs(level) ? 1 : 0;
}

std::uint64_t now(const pk_host* h) {
    return host::of(h).all().time().now();
}
std::uint64_t unix_ns(const pk_host* h) {
    return host::of(h).all().time().unix_ns();
}

pk_status define(const pk_host* h, std::uint32_t kind, pk_str name, pk_str help,
                 std::uint32_t* metric) {
    auto& self = host::of(h);
    if (!self.creating()) return PK_WRONG_STATE;
    return self.metrics().define(kind, view(name), view(help), metric);
}

void add(const pk_host* h, std::uint32_t metric, std::int64_t value) {
    if (auto* m = host::of(h).metrics_if_any()) m->add(metric, value);
}

void set(const pk_host* h, std::uint32_t metric, std::int64_t value) {
    if (auto* m = host::of(h).metrics_if_any()) m->set(metric, value);
}

void observe(const pk_host* h, std::uint32_t metric, std::uint64_t value) {
    if (auto* m = host::of(h).metrics_if_any()) m->observe(metric, value);
}

const pk_logger logger_service = {sizeof(pk_logger), 0, &write, &enabled};
const pk_clock clock_service = {sizeof(pk_clock), 0, &now, &unix_ns};
const pk_metrics metrics_service = {sizeof(pk_metrics), 0, &define, &add, &set, &observe};

}  // namespace

services::services(std::uint32_t worker_count)
    : worker_count_(worker_count),
      time_{&ns_since_epoch<std::chrono::steady_clock>, &ns_since_epoch<std::chrono::system_clock>},
      own_markers_(new marker_slot[worker_count + 1]),
      markers_(own_markers_.get()),
      retire_([](instance* i) { delete i; }),
      metrics_(worker_count) {
    provide(PK_LOGGER_ID, &logger_service);
    provide(PK_CLOCK_ID, &clock_service);
    provide(PK_METRICS_ID, &metrics_service);
}

void services::provide(std::string_view id, const void* table) {
    tables_.insert_or_assign(std::string(id), table);
}

const void* services::find(std::string_view id) const {
    const auto at = tables_.find(id);
    return at == tables_.end() ? nullptr : at->second;
}

void services::set_handle_maker(std::string_view point, handle_maker maker) {
    handle_makers_.insert_or_assign(std::string(point), std::move(maker));
}

const services::handle_maker* services::find_handle_maker(std::string_view point) const {
    const auto at = handle_makers_.find(point);
    return at == handle_makers_.end() ? nullptr : &at->second;
}

void services::log(std::uint32_t level, std::string_view label, std::string_view line) const {
    if (!logs(level)) return;
    line_buffer out;
    out.append(label);
    out.append(": ");
    out.append(line);
    sink_(static_cast<int>(level), out.view());
}

}  // namespace pkernel::plugin

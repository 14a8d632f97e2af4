// Numbers that the operator sees. Make them in the constructor; bump them anywhere. [any]

#pragma once

#include <pkernel/abi/metrics.h>
#include <pkernel/host.hpp>

namespace pk {

class metric {
protected:
    metric(const host& h, std::uint32_t kind, std::string_view name, std::string_view help)
        : raw_(h.raw()), table_(&h.required<pk_metrics>(PK_METRICS_ID)) {
        if (table_->define(raw_, kind, str(name), str(help), &number_) != PK_OK) {
            throw config_error("the metric '" + std::string(name) + "' was not accepted");
        }
    }

    const pk_host* raw_;
    const pk_metrics* table_;
    std::uint32_t number_ = 0;
};

class counter : metric {
public:
    counter(const host& h, std::string_view name, std::string_view help)
        : metric(h, PK_COUNTER, name, help) {}
    void add(std::int64_t n = 1) const noexcept { table_->add(raw_, number_, n); }
};

class gauge : metric {
public:
    gauge(const host& h, std::string_view name, std::string_view help)
        : metric(h, PK_GAUGE, name, help) {}
    void add(std::int64_t n) const noexcept { table_->add(raw_, number_, n); }
    void set(std::int64_t n) const noexcept { table_->set(raw_, number_, n); }
};

class histogram : metric {
public:
    histogram(const host& h, std::string_view name, std::string_view help)
        : metric(h, PK_HISTOGRAM, name, help) {}
    void observe(std::uint64_t n) const noexcept { table_->observe(raw_, number_, n); }
};

}  // namespace pk

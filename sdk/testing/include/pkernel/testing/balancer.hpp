// Drives a balancer: a snapshot of endpoints, and many picks.

#pragma once

#include <pkernel/testing/plugin.hpp>

#include <deque>
#include <random>

namespace pk::testing {

struct endpoint_spec {
    std::string address;
    std::uint32_t weight = 1;
};

class balancer_under_test {
public:
    explicit balancer_under_test(const std::vector<endpoint_spec>& endpoints,
                                 std::string_view options = {}, const setup& with = {},
                                 const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // A new snapshot: other endpoints, another version, words at zero.
    void publish(const std::vector<endpoint_spec>& endpoints);

    // The index that worker `worker` gets. `candidates` empty: all. A pick that is no candidate is
    // a violation.
    std::uint32_t pick(std::uint32_t worker = 0, const std::vector<std::uint32_t>& candidates = {});
    // How often each endpoint comes in `n` picks.
    std::vector<std::uint32_t> counts(std::uint32_t n, std::uint32_t worker = 0,
                                      const std::vector<std::uint32_t>& candidates = {});

    // The counters that workers share.
    pk_endpoint_shared& shared(std::uint32_t index) { return shared_[index]; }
    // One pick with nothing of the driver's around it, for timing.
    std::uint32_t bare_pick() { return table_->pick(instance_.raw(), &choice_); }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }

private:
    struct wide_endpoint : pk_endpoint {
        std::uint64_t later[1] = {};
    };

    instance_under_test instance_;
    const pk_balancer* table_;
    std::uint32_t workers_;
    std::uint64_t version_ = 0;
    std::mt19937_64 random_{12345};
    std::deque<std::string> names_;
    std::vector<wide_endpoint> endpoints_;
    std::vector<pk_endpoint_shared> shared_;
    std::vector<std::vector<std::int64_t>> words_;  // A worker each.
    pk_endpoints snapshot_{};
    pk_pick choice_{};
};

}  // namespace pk::testing

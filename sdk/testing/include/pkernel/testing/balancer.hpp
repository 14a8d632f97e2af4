// Drives a balancer: a snapshot of endpoints, and many picks.

#pragma once

#include <pkernel/testing/plugin.hpp>

#include <deque>
#include <functional>
#include <random>

namespace pk::testing {

struct endpoint_spec {
    std::string address;
    std::uint32_t weight = 1;
};

// Stands for a balancer inside of the one under test: `setup.inner` takes its handle().
class fake_balancer {
public:
    explicit fake_balancer(std::function<std::uint32_t(const pk_pick&)> choose)
        : choose_(std::move(choose)) {
        raw_.owner = this;
        raw_.size = sizeof(pk_inner_balancer);
        raw_.pick = [](const pk_inner_balancer* self, const pk_pick* choice) {
            auto& owner = *static_cast<const shell*>(self)->owner;
            ++owner.calls;
            const inside outside(false);
            return owner.choose_(*choice);
        };
    }
    fake_balancer(const fake_balancer&) = delete;

    const void* handle() const noexcept { return static_cast<const pk_inner_balancer*>(&raw_); }
    std::uint32_t calls = 0;

private:
    struct shell : pk_inner_balancer {
        fake_balancer* owner = nullptr;
    };
    std::function<std::uint32_t(const pk_pick&)> choose_;
    shell raw_{};
};

class balancer_under_test {
public:
    explicit balancer_under_test(const std::vector<endpoint_spec>& endpoints,
                                 std::string_view options = {}, const setup& with = {},
                                 const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);
    ~balancer_under_test();

    // Why it would not load; empty when it does.
    static std::string load_error(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // A new snapshot: other endpoints, another version, words at zero.
    void publish(const std::vector<endpoint_spec>& endpoints);

    // The request that is picked for; before the first call a plain GET.
    void request(const request_spec& spec);
    void variable(const std::string& name, const std::string& value);

    // The index that worker `worker` gets. `candidates` empty: all. A pick that is no candidate
    // (nor drained) is a violation.
    std::uint32_t pick(std::uint32_t worker = 0, const std::vector<std::uint32_t>& candidates = {});
    // What picks are given as endpoints that are drained, from now on.
    void drain(std::vector<std::uint32_t> endpoints) { draining_ = std::move(endpoints); }
    // How often each endpoint comes in `n` picks.
    std::vector<std::uint32_t> counts(std::uint32_t n, std::uint32_t worker = 0,
                                      const std::vector<std::uint32_t>& candidates = {});
    // What the last pick recorded for the response.
    const field_pairs& response_fields() const noexcept { return recorded_; }

    // The counters that workers share.
    pk_endpoint_shared& shared(std::uint32_t index) { return shared_[index]; }
    // One pick with nothing of the driver's around it, for timing.
    std::uint32_t bare_pick() {
        choice_.random = choice_.random * 0x9e3779b97f4a7c15u + 0x7f4a7c15u;
        return table_->pick(instance_.raw(), &choice_);
    }
    std::uint32_t needs() const { return table_->needs ? table_->needs(instance_.raw()) : 0; }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }

private:
    struct wide_endpoint : pk_endpoint {
        std::uint64_t later[1] = {};
    };
    static pk_status record(const pk_pick* choice, pk_str name, pk_str value);

    mutable instance_under_test instance_;
    const pk_balancer* table_;
    std::uint32_t workers_;
    std::uint64_t version_ = 0;
    std::mt19937_64 random_{12345};
    std::deque<std::string> names_;
    std::vector<wide_endpoint> endpoints_;
    std::vector<pk_endpoint_shared> shared_;
    std::vector<std::vector<std::int64_t>> words_;  // A worker each.
    std::unique_ptr<fake_stream> stream_;
    std::vector<std::uint32_t> draining_;
    field_pairs recorded_;
    pk_endpoints snapshot_{};
    pk_pick choice_{};
};

}  // namespace pk::testing

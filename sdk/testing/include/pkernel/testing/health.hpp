// Drives a health source: outcomes of attempts and answers to probes go in, states come out.

#pragma once

#include <pkernel/abi/health.h>
#include <pkernel/testing/plugin.hpp>

#include <array>
#include <deque>

namespace pk::testing {

class health_under_test {
public:
    // What the source says of an endpoint.
    struct said {
        std::uint32_t state = PK_HEALTH_UNKNOWN;
        std::chrono::nanoseconds trial_after{0};
        std::string reason;
        std::uint32_t times = 0;  // So often it has said something.
    };

    // An upstream "app" with `endpoints` of them: 127.0.0.1:3000 and so on.
    explicit health_under_test(std::uint32_t endpoints, std::string_view options = {},
                               const setup& with = {},
                               const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);
    health_under_test(const health_under_test&) = delete;

    // Why it would not load; empty when it does.
    static std::string load_error(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // The config has it out from now on; before elect.
    void put_out(std::uint32_t endpoint) { endpoints_[endpoint].flags |= PK_ENDPOINT_OUT; }

    const said& of(std::uint32_t endpoint) const { return said_[endpoint]; }
    bool down(std::uint32_t endpoint) const { return of(endpoint).state == PK_HEALTH_DOWN; }

    // An attempt at `endpoint` has ended.
    void outcome(std::uint32_t endpoint, std::uint32_t failure, std::uint32_t status = 0,
                 std::uint32_t trial = PK_TRIAL_NONE);
    bool listens() const noexcept { return table_->outcome != nullptr; }

    // Active: this worker is the one, and no longer.
    void elect() { elect(&raw_); }
    void dismiss() { elect(nullptr); }
    void advance(std::chrono::nanoseconds by) { instance_.host().advance(by); }
    // The probe of an endpoint that is under way, or null.
    const asked* probe(std::uint32_t endpoint);
    // Answers it. PK_END_COMPLETE with status 0: of one that only connects.
    void answer(std::uint32_t endpoint, std::uint32_t status, const std::string& body = {});
    void fail(std::uint32_t endpoint, std::uint32_t cause);

    fake_host& host() noexcept { return instance_.host(); }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }

private:
    void elect(const pk_health_upstream* u);
    struct shell : pk_health_upstream {
        health_under_test* owner = nullptr;
    };
    static health_under_test& owner_of(const pk_health_upstream* u) noexcept {
        return *static_cast<const shell*>(u)->owner;
    }
    static pk_status publish(const pk_health_upstream* u, std::uint32_t index,
                             const pk_health_state* state);

    std::deque<std::string> names_;
    std::vector<pk_endpoint_shared> shared_;
    std::vector<pk_endpoint> endpoints_;
    pk_endpoints snapshot_{};
    std::vector<said> said_;
    std::vector<std::array<std::uint64_t, 4>> words_;
    shell raw_{};
    mutable instance_under_test instance_;
    const pk_health* table_;
};

}  // namespace pk::testing

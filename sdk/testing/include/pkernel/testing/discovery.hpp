// Drives a discovery: an upstream's names go in, the endpoints that they stand for come out.

#pragma once

#include <pkernel/abi/discovery.h>
#include <pkernel/testing/plugin.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>

namespace pk::testing {

// A discovery finds things on threads of its own: what it has said is read through `said`, and
// waited for with `until`.
class discovery_under_test {
public:
    struct entry {
        // "10.0.0.1:80" for each endpoint, or "named 10.0.0.1:80 [::1]:80".
        std::vector<std::string> endpoints;
        std::string failure;      // The last one; empty after something was found.
        std::uint32_t found = 0;  // So often something was.
        std::uint32_t failed = 0;
    };

    // An upstream "app" with these names, at port 80; watched from the beginning.
    discovery_under_test(std::vector<std::string> names, std::string_view options,
                         const setup& with = {},
                         const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);
    ~discovery_under_test();
    discovery_under_test(const discovery_under_test&) = delete;

    // Why it would not load; empty when it does.
    static std::string load_error(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    entry said(std::uint32_t of = 0) const;
    // False: `what` was not so within `at_most`.
    bool until(const std::function<bool(const entry&)>& what, std::uint32_t of = 0,
               std::chrono::milliseconds at_most = std::chrono::seconds(10)) const;

    // A second upstream of the same instance, as a reload has for a while.
    void watch_again();
    void unwatch_first();

    fake_host& host() noexcept { return instance_.host(); }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }

private:
    struct shell : pk_discovery_upstream {
        discovery_under_test* owner = nullptr;
        bool watched = false;
    };
    static pk_status found(const pk_discovery_upstream* u, std::uint32_t of,
                           const pk_discovered* all, std::uint32_t count, std::uint32_t stride);
    static void failed(const pk_discovery_upstream* u, std::uint32_t of, pk_str why);
    void watch(shell& which);
    void unwatch(shell& which);
    void note(const pk_discovery_upstream* u, std::uint32_t of,
              const std::function<void(entry&)>& change);

    std::vector<std::string> names_;
    std::vector<pk_discovery_entry> entries_;
    shell first_, second_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<entry> said_;
    instance_under_test instance_;
    const pk_discovery* table_;
};

}  // namespace pk::testing

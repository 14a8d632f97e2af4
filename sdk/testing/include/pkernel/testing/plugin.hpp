// A plugin, loaded from the file that ships, and one instance of it at one extension point.

#pragma once

#include <pkernel/abi/balancer.h>
#include <pkernel/abi/handler.h>
#include <pkernel/abi/http_filter.h>
#include <pkernel/abi/log.h>
#include <pkernel/abi/tunnel.h>
#include <pkernel/testing/exchange.hpp>
#include <pkernel/testing/host.hpp>

// Set by pkernel_plugin_test(); a program without it names its file.
#ifndef PKERNEL_PLUGIN_UNDER_TEST
#define PKERNEL_PLUGIN_UNDER_TEST ""
#endif

namespace pk::testing {

// The loaded file. Checks its entry and its note; throws std::runtime_error with what is wrong.
class library {
public:
    explicit library(std::string file);
    ~library();
    library(const library&) = delete;

    const pk_plugin& plugin() const noexcept { return *plugin_; }
    template <class Table>
    const Table* table(std::string_view id) const {
        return static_cast<const Table*>(find(id));
    }

    // Whether the file leaves memory when nobody uses it any more.
    static bool unloads(const std::string& file);

private:
    const void* find(std::string_view id) const;

    std::string file_;
    void* handle_;
    const pk_plugin* plugin_;
};

struct setup {
    std::uint32_t workers = 1;
    std::set<std::string> missing_services = {};
    std::map<std::string, std::string> variables = {};
    std::uint32_t side = 0;                         // Of a transport: PK_SIDE_....
    std::map<std::string, const void*> inner = {};  // Handles of inner plugins by name.
};

// An instance, from create to worker_init; ended by the destructor. Throws std::runtime_error with
// the error text when the options or the plugin say no.
class instance_under_test {
public:
    instance_under_test(const std::string& file, std::string_view point, std::string_view options,
                        const setup& with);
    ~instance_under_test();
    instance_under_test(const instance_under_test&) = delete;

    fake_host& host() noexcept { return host_; }
    void* raw() noexcept { return instance_; }
    const void* table() const noexcept { return table_; }

private:
    void stop();

    library library_;
    fake_host host_;
    std::unique_ptr<option_tree> options_;
    const void* table_ = nullptr;
    const pk_factory* factory_ = nullptr;
    void* instance_ = nullptr;
    std::uint32_t workers_running_ = 0;
};

// A filter, handler or tunnel with the requests that a test plays through it.
class plugin_under_test {
public:
    explicit plugin_under_test(std::string_view options = {}, const setup& with = {},
                               const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // Why it would not load; empty when it does.
    static std::string load_error(std::string_view options, const setup& with = {},
                                  const std::string& file = PKERNEL_PLUGIN_UNDER_TEST);

    // A request that is yet to be played; it must end before the plugin does.
    exchange send(const request_spec& spec);
    exchange get(std::string target = "/", std::string fields = {});
    exchange post(std::string fields = {}, std::string target = "/");

    void advance(std::chrono::nanoseconds by) { instance_.host().advance(by); }
    void run() { instance_.host().run(); }
    std::size_t run_jobs() { return instance_.host().run_jobs(); }
    std::vector<std::string> violations() { return instance_.host().take_violations(); }
    std::int64_t metric(std::string_view name) const;
    fake_host& host() noexcept { return instance_.host(); }

    // Heap allocations of the plugin's own code on this thread since the last call.
    static std::uint64_t allocations() { return std::exchange(here().allocations, 0); }

private:
    mutable instance_under_test instance_;
    const pk_http_filter* filter_ = nullptr;
    const pk_handler* handler_ = nullptr;
    const pk_tunnel* tunnel_ = nullptr;
};

}  // namespace pk::testing

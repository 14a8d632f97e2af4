// The services that an instance is given, all in the test's hand: nothing happens by itself.

#pragma once

#include <pkernel/abi/host.h>
#include <pkernel/abi/metrics.h>
#include <pkernel/abi/offload.h>
#include <pkernel/abi/subrequest.h>
#include <pkernel/testing/options.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pk::testing {

class fake_stream;

// A request that the plugin made; the test answers it. Ids that are gone answer nothing.
struct asked {
    std::uint64_t id = 0;
    std::uint32_t flags = 0;
    std::string upstream, endpoint, method, authority, target, body;
    std::uint32_t endpoint_port = 0;
    std::vector<std::pair<std::string, std::string>> fields;
    std::uint64_t body_limit = 0;
    std::chrono::nanoseconds timeout{};
    pk_subrequest raw{};  // The callbacks.
    fake_stream* parent = nullptr;
};

// Whose code runs on this thread now. Allocations count as the plugin's while `plugin` is set.
struct running {
    bool plugin = false;
    std::uint64_t allocations = 0;
};
running& here() noexcept;

// While it lives, this thread is inside the plugin (or back in the host).
class inside {
public:
    explicit inside(bool plugin) noexcept : before_(here().plugin) { here().plugin = plugin; }
    ~inside() { here().plugin = before_; }
    inside(const inside&) = delete;

private:
    bool before_;
};

struct timer {
    std::uint64_t id;
    std::uint64_t due;
    fake_stream* stream;  // Null: of the worker.
    void (*on_stream)(pk_stream*, void*);
    void (*on_worker)(void*);
    void* arg;
};

struct job {
    fake_stream* stream;  // Null: it has gone, or it is the worker's.
    bool of_worker;
    pk_job raw;
};

class fake_host {
public:
    explicit fake_host(std::uint32_t workers = 1);
    ~fake_host();
    fake_host(const fake_host&) = delete;

    const pk_host* raw() const noexcept { return &shell_.raw; }
    static fake_host& of(const pk_host* h) noexcept;

    // Someone broke the contract. `side` is "plugin", "host" or "test".
    void complain(const std::string& side, const std::string& what);
    std::vector<std::string> take_violations();

    // Time. Timers that fall due are called in order, each at its own time.
    void advance(std::chrono::nanoseconds by);
    // Delivers wakes that were made on other threads.
    void run();
    // Runs every submitted job on a thread of its own, then tells the stream. Gives their number.
    std::size_t run_jobs();
    // Answers a request of the plugin's own, whole; or fails it.
    void answer(std::uint64_t id, std::uint32_t status,
                const std::vector<std::pair<std::string, std::string>>& fields,
                const std::string& body);
    void fail(std::uint64_t id, std::uint32_t cause);

    // Called by a stream that ends.
    void forget(fake_stream* stream);

    struct metric {
        std::uint32_t kind;
        std::string name;
        std::int64_t value = 0;
        std::uint64_t observations = 0;
    };

    std::uint64_t now = 1'000'000'000;
    std::uint64_t unix_ns = 1'790'000'000'000'000'000;
    std::vector<metric> metrics;
    std::mutex metrics_lock;
    std::vector<std::pair<std::uint32_t, std::string>> lines;  // Of the log.
    std::vector<std::string> errors, warnings, files;
    std::map<std::string, std::string> variables;
    std::set<std::string> missing;  // Ids of services that get() denies.
    std::vector<timer> timers;
    std::vector<job> jobs;
    std::vector<asked> requests;
    std::vector<std::string> variable_names;
    std::uint64_t next_id = 1;
    std::vector<std::shared_ptr<void>> graves;  // Handles of streams that have ended.
    option_tree* options = nullptr;
    const std::thread::id worker_thread = std::this_thread::get_id();

    // Wakes from anywhere: by the place of the stream.
    void wake(std::uint64_t place, std::uint64_t life);
    std::uint64_t place_of(fake_stream* stream);

private:
    struct shell {
        pk_host raw;
        fake_host* owner;
    };

    shell shell_{};
    std::vector<std::string> violations_;
    std::mutex mail_lock_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> mail_;
    std::map<std::uint64_t, fake_stream*> places_;
};

// Tables of the services, all of them over fake_host.
const void* service(std::string_view id);

}  // namespace pk::testing

// One thread with its loop: accepts, and owns its connections and streams for life.
//
// Made by the control thread; run() is the thread's whole life. Other threads speak to it by
// begin_drain and stop.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/runtime/acceptor.hpp"
#include "kernel/runtime/relief.hpp"
#include "kernel/stream/client_connection.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/stream_services.hpp"

namespace pkernel::runtime {

// Open connections of each listener, those of all workers together.
using connection_counts = std::vector<std::atomic<std::uint64_t>>;

struct worker_setup {
    std::uint32_t index = 0;
    plugin::marker_slot* marker = nullptr;
    std::shared_ptr<const stream::generation> plan;
    // A listener's index with a socket that this worker serves.
    std::vector<std::pair<std::uint32_t, base::unique_fd>> sockets;
    std::uint64_t connections_max = 0;
    std::shared_ptr<connection_counts> counts;
    std::string via;
    // These outlive the worker.
    stream::offload_pool* offload = nullptr;
    base::memory_budget* memory = nullptr;
    memory_metrics* metrics = nullptr;
};

class worker final : private accept_target, private stream::connection_keeper {
public:
    static constexpr net::nanoseconds drain_grace = std::chrono::seconds(1);
    static constexpr net::nanoseconds drain_max = std::chrono::seconds(30);

    explicit worker(worker_setup setup);
    ~worker();

    // [worker] Enters the instances, reports `started` (false: it could not, and run returns),
    // serves until drained or stopped, leaves the instances.
    void run(const std::function<void(bool)>& started);

    // [any]
    void begin_drain();
    void stop();

private:
    void accepted(int fd, std::uint32_t listener, const pk_address& peer,
                  const pk_address& local) override;
    void out_of_descriptors(int listening_fd) override;
    void connection_closed(stream::client_connection& c) override;
    void connection_goes_on(stream::client_connection& c, stream::client_connection& next) override;
    bool make_room_for_one(std::uint32_t listener) noexcept;

    bool enter();
    void leave(stream::services_of_thread& here);
    std::shared_ptr<stream::site> make_site();
    void drain();
    void end_if_drained();
    void kill_all(const char* word);
    void tick();
    void accept(bool on);

    worker_setup setup_;
    net::loop loop_;
    stream::context context_;
    std::vector<std::unique_ptr<acceptor>> acceptors_;
    base::list<stream::client_connection, stream::client_connection> connections_;
    relief relief_;
    std::uint64_t count_ = 0;
    base::unique_fd reserve_;
    bool draining_ = false;
    std::vector<plugin::instance*> entered_;
    net::timer tick_;
    net::timer drain_limit_;
    net::bell drain_bell_;
    net::bell stop_bell_;
};

}  // namespace pkernel::runtime

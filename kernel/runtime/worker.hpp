// One thread with its loop: accepts, and owns its connections and streams for life.
//
// Made by the control thread; run() is the thread's whole life. Other threads speak to it by
// begin_drain, stop and, for a reload, ask.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/unique_fd.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/runtime/acceptor.hpp"
#include "kernel/runtime/relief.hpp"
#include "kernel/runtime/tenants.hpp"
#include "kernel/stream/client_connection.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/spill_file.hpp"
#include "kernel/stream/stream_services.hpp"

namespace pkernel::runtime {

struct worker_setup {
    std::uint32_t index = 0;
    plugin::marker_slot* marker = nullptr;
    std::shared_ptr<const stream::generation> plan;
    // A listener's index with a socket that this worker serves.
    std::vector<std::pair<std::uint32_t, base::unique_fd>> sockets;
    std::uint64_t connections_max = 0;
    std::string via;
    // These outlive the worker.
    stream::offload_pool* offload = nullptr;
    stream::spill_use* spilled = nullptr;
    base::memory_budget* memory = nullptr;
    memory_metrics* metrics = nullptr;
};

// What one worker is to go over to: a generation, all instances of which it is inside.
struct turnover {
    static constexpr std::uint32_t gone = UINT32_MAX;
    std::shared_ptr<const stream::generation> plan;
    std::vector<std::uint32_t> listeners;  // By number before: the number now, or gone.
    std::vector<std::pair<std::uint32_t, base::unique_fd>> sockets;  // Of new ones.
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
    // Does `work` on its thread between two turns of whatever else it does. Not while or after it
    // drains or ends. One at a time: the next may be asked for when `work` has been done.
    void ask(std::function<void()> work);

    // [worker] Of a reload. Enters the instances of `next`, beside those that it is inside. False:
    // one could not, and none of them is entered.
    bool enter(const stream::generation& next);
    // Those that were entered and are not gone over to are left.
    void turn_back() { look_at_tenants(); }
    // The next stream of every connection, and new connections, are of the new generation.
    // Connections of listeners that have gone are drained.
    void go_over(turnover to);
    // [worker] To a generation that differs in upstreams' endpoints only.
    void renew(std::shared_ptr<const stream::generation> plan);

private:
    void accepted(int fd, std::uint32_t listener, const pk_address& peer,
                  const pk_address& local) override;
    void out_of_descriptors(int listening_fd) override;
    void finished(acceptor& which) override;
    void connection_closed(stream::client_connection& c) override;
    void connection_goes_on(stream::client_connection& c, stream::client_connection& next) override;
    bool make_room_for_one(std::uint32_t listener) noexcept;

    void elect(const stream::generation* before);
    void leave(stream::services_of_thread& here);
    std::shared_ptr<stream::site> make_site(std::shared_ptr<const stream::generation> plan,
                                            const stream::site* before);
    static std::map<std::string_view, std::shared_ptr<upstream::chooser>> choosers_by_name(
        const stream::site* of);
    void make_choosers(stream::site& of, const stream::site* before);
    void take(std::shared_ptr<stream::site> next);
    void move_waiters(const stream::site& before);
    void move_acceptors(turnover& to);
    void move_connections(const turnover& to, const std::shared_ptr<stream::site>& from);
    void look_at_tenants();
    void drain();
    void end_if_drained();
    void kill_all(const char* word);
    void tick();
    void answer();
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
    bool accepting_ = true;
    stream::services_of_thread* here_ = nullptr;
    tenants tenants_;
    std::mutex asking_;
    std::function<void()> asked_;
    net::nanoseconds look_again_{};
    net::timer tenants_timer_;
    net::timer tick_;
    unsigned ticks_ = 0;
    net::timer drain_limit_;
    net::bell drain_bell_;
    net::bell stop_bell_;
    net::bell ask_bell_;
};

}  // namespace pkernel::runtime

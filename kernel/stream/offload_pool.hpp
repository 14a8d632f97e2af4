// pk.offload/1: two threads for work that may block, and each worker's port through which the
// results come back.
//
// A job is queued by a worker and comes back to that worker, whatever becomes of the stream or
// instance that it was for: the port knows all its jobs, and outlives them. Threads start with the
// first job.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/base/list.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/plugin/call_marker.hpp"
#include "kernel/stream/waker_table.hpp"
#include "pkernel/abi/offload.h"

namespace pkernel::stream {

struct context;
struct site;
struct slot;
class offload_port;

// Owned by its port. What run may touch is `abi` alone.
struct offload_job : base::list_hook<offload_job> {
    pk_job abi{};
    offload_port* port = nullptr;
    offload_job* next_back = nullptr;
    std::uint32_t number = 0;     // Of the instance whose job it is.
    bool on_worker = false;       // Or:
    pk_waker who{UINT64_MAX, 0};  // tells whether the handle still lives: a stream's, or
    void (*conn_done)(pk_conn*, void*) = nullptr;  // if this is set, a connection's.
    bool dropping = false;
    std::shared_ptr<site> pinned;  // So that the instance outlives its job.
};

// The threads. One a process; any thread may call it.
class offload_pool {
public:
    static constexpr unsigned threads_max = 2;
    static constexpr std::size_t queue_max = 1024;

    // What stands around the life of thread `index`: it calls `work` once, with the place for that
    // thread's crash mark.
    using surroundings =
        std::function<void(unsigned index, const std::function<void(plugin::marker_slot&)>& work)>;

    explicit offload_pool(surroundings around) : around_(std::move(around)) {}
    offload_pool(const offload_pool&) = delete;
    offload_pool& operator=(const offload_pool&) = delete;
    // Requires that every port is gone.
    ~offload_pool();

    // False: the queue is full, or the system has no thread for it.
    bool push(offload_job& job);

private:
    bool start_thread();  // Under the lock.
    void work(plugin::marker_slot& marker);

    const surroundings around_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<offload_job*> queue_;
    std::vector<std::thread> threads_;
    bool ending_ = false;
};

// A worker's own. Its thread only, but for `back`.
class offload_port {
public:
    offload_port(context& c, offload_pool& pool);
    offload_port(const offload_port&) = delete;
    offload_port& operator=(const offload_port&) = delete;
    // Waits until all jobs have run, and drops them: before the first worker_exit.
    ~offload_port();

    pk_status submit(slot& s, const pk_job& job);
    pk_status submit(const pk_waker& who, const pk_conn_job& job);
    pk_status submit_on_worker(const pk_job& job);
    // The kernel's own, of no instance and no generation; `done` gets no stream.
    pk_status submit_own(const pk_job& job);

    // Whether a job of that instance is not settled yet.
    bool works_for(std::uint32_t number) noexcept;

    // [pool] The job has run.
    void back(offload_job& job) noexcept;

private:
    pk_status push(std::unique_ptr<offload_job> job, std::uint32_t number);
    void deliver();
    void settle(offload_job& job);

    context& context_;
    offload_pool& pool_;
    net::bell bell_;
    base::list<offload_job, offload_job> out_;  // Queued, running, or on their way back.
    std::atomic<offload_job*> back_{nullptr};
    std::mutex waiting_;  // Of the pool's threads; the worker takes it at its end only.
    std::condition_variable came_back_;
};

}  // namespace pkernel::stream

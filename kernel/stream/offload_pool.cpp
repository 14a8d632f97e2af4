#include "kernel/stream/offload_pool.hpp"

#include <pthread.h>

#include <string>
#include <system_error>

#include "kernel/base/log.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/stream_call.hpp"

namespace pkernel::stream {

namespace {

base::repeat_limit thread_line;

}  // namespace

offload_pool::~offload_pool() {
    {
        const std::lock_guard hold(mutex_);
        ending_ = true;
    }
    ready_.notify_all();
    for (auto& t : threads_) t.join();
}

bool offload_pool::push(offload_job& job) {
    {
        const std::lock_guard hold(mutex_);
        if (queue_.size() >= queue_max) return false;
        // One thread until there is more to do than one can.
        const bool more = threads_.size() < threads_max && queue_.size() >= threads_.size();
        if (more && !start_thread() && threads_.empty()) return false;
        queue_.push_back(&job);
    }
    ready_.notify_one();
    return true;
}

bool offload_pool::start_thread() {
    try {
        threads_.emplace_back([this, index = static_cast<unsigned>(threads_.size())] {
            around_(index, [this](plugin::marker_slot& marker) { work(marker); });
        });
        return true;
    } catch (const std::system_error& e) {
        base::log(base::log_level::error, std::string("no thread for what may block: ") + e.what(),
                  thread_line);
        return false;
    }
}

void offload_pool::work(plugin::marker_slot& marker) {
    ::pthread_setname_np(::pthread_self(), "pk-offload");
    std::unique_lock hold(mutex_);
    for (;;) {
        ready_.wait(hold, [this] { return ending_ || !queue_.empty(); });
        if (queue_.empty()) return;
        offload_job& job = *queue_.front();
        queue_.pop_front();
        hold.unlock();
        {
            const plugin::call_marker mark(marker, job.number);
            job.abi.run(job.abi.arg);
        }
        job.port->back(job);
        hold.lock();
    }
}

// --- the port
// ------------------------------------------------------------------------------------------------

offload_port::offload_port(context& c, offload_pool& pool)
    : context_(c),
      pool_(pool),
      bell_(
          c.loop, [](void* self) { static_cast<offload_port*>(self)->deliver(); }, this) {}

offload_port::~offload_port() {
    out_.for_each([](offload_job& j) { j.dropping = true; });
    while (!out_.empty()) {
        {
            std::unique_lock hold(waiting_);
            came_back_.wait(hold, [this] { return back_.load(std::memory_order_acquire); });
        }
        deliver();
    }
    const std::lock_guard last(waiting_);  // Whoever brought the last one has let go of us.
}

pk_status offload_port::submit(slot& s, const pk_job& job) {
    auto made = std::make_unique<offload_job>();
    made->abi = job;
    made->who = stream_waker(s);
    if (made->who.place == UINT64_MAX) return PK_NO_MEMORY;
    made->pinned = s.owner->shared_site();
    return push(std::move(made), context_.marker.running);
}

pk_status offload_port::submit(const pk_waker& who, const pk_conn_job& job) {
    if (!job.done) return PK_INVALID;
    auto made = std::make_unique<offload_job>();
    made->abi = {sizeof(pk_job), 0, job.arg, job.run, nullptr, job.drop};
    made->conn_done = job.done;
    made->who = who;
    made->pinned = context_.current;
    return push(std::move(made), context_.marker.running);
}

pk_status offload_port::submit_on_worker(const pk_job& job) {
    auto made = std::make_unique<offload_job>();
    made->abi = job;
    made->on_worker = true;
    made->pinned = context_.current;  // Null in worker_init.
    return push(std::move(made), context_.marker.running);
}

pk_status offload_port::submit_own(const pk_job& job) {
    auto made = std::make_unique<offload_job>();
    made->abi = job;
    made->on_worker = true;
    return push(std::move(made), 0);
}

pk_status offload_port::push(std::unique_ptr<offload_job> job, std::uint32_t number) {
    if (!job->abi.run || !job->abi.drop) return PK_INVALID;
    if (!job->abi.done && !job->conn_done) return PK_INVALID;
    job->port = this;
    job->number = number;
    if (!pool_.push(*job)) return PK_NO_MEMORY;
    out_.push_back(*job.release());
    return PK_OK;
}

bool offload_port::works_for(std::uint32_t number) noexcept {
    bool found = false;
    out_.for_each([&](const offload_job& j) { found = found || j.number == number; });
    return found;
}

void offload_port::back(offload_job& job) noexcept {
    const std::lock_guard hold(waiting_);
    offload_job* head = back_.load(std::memory_order_relaxed);
    do job.next_back = head;
    while (!back_.compare_exchange_weak(head, &job, std::memory_order_release));
    bell_.ring();
    came_back_.notify_one();
}

// In the order in which they were done.
void offload_port::deliver() {
    offload_job* last = back_.exchange(nullptr, std::memory_order_acquire);
    offload_job* first = nullptr;
    while (last) {
        offload_job* before = last->next_back;
        last->next_back = first;
        first = last;
        last = before;
    }
    while (first) {
        offload_job* next = first->next_back;
        settle(*first);
        first = next;
    }
}

void offload_port::settle(offload_job& job) {
    job.unlink();
    const std::unique_ptr<offload_job> owned(&job);
    const pk_job& abi = job.abi;
    if (job.on_worker && !job.dropping) {
        const plugin::call_marker mark(context_.marker, job.number);
        return abi.done(nullptr, abi.arg);
    }
    void* const who = job.dropping ? nullptr : context_.wakers->find(job.who);
    if (!who) {
        const plugin::call_marker mark(context_.marker, job.number);
        return abi.drop(abi.arg);
    }
    if (job.conn_done) {
        auto& c = *static_cast<net::session*>(who);
        return c.call_back([&] { job.conn_done(c.handle(), abi.arg); });
    }
    slot* s = static_cast<slot*>(who);
    stream& o = *s->owner;
    o.call(*s, [&](pk_stream* h) { abi.done(h, abi.arg); });
    o.advance();
}

}  // namespace pkernel::stream

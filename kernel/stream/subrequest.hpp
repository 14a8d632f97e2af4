// pk.subrequest/1: a request that a plugin makes, as a stream of its own whose response goes to the
// plugin.
//
// It is what a codec is for a client's stream: the downstream side of its child. Everything it is
// told it records, and acts on in the loop's deferred work, so that no callback runs inside a host
// call, nor inside the child.

#pragma once

#include <cstdint>
#include <memory>

#include "kernel/base/list.hpp"
#include "kernel/base/slice_queue.hpp"
#include "kernel/net/loop.hpp"
#include "kernel/net/timer.hpp"
#include "kernel/stream/context.hpp"
#include "kernel/stream/edges.hpp"
#include "kernel/stream/memory_holder.hpp"
#include "kernel/stream/spool.hpp"
#include "pkernel/abi/subrequest.h"

namespace pkernel::stream {

struct slot;

// Whose it is: a handle's, or (parent null) an instance's on this worker.
struct subrequest_owner {
    slot* parent = nullptr;
    const pk_host* host = nullptr;
    std::uint32_t number = 0;  // The instance's, for the crash marker.
};

class subrequest final : public net::retired,
                         public memory_holder,
                         public base::list_hook<subrequest>,
                         private net::deferred,
                         private downstream {
public:
    subrequest(context& c, const subrequest_owner& owner, const pk_subrequest& what,
               const std::shared_ptr<site>& where, const listener_plan& listener);
    ~subrequest() override;

    const subrequest_owner& owner() const noexcept { return owner_; }
    // To be filled before begin: the child's head and route, and the body.
    stream& child() noexcept { return *child_; }
    base::slice_queue& body() noexcept { return body_; }
    // What of the body follows that, from a file; `rest` is settled and takes nothing more.
    void read_on(const spool& rest);
    std::uint64_t id = 0;
    subrequest* next_of_parent = nullptr;

    void begin(net::nanoseconds timeout);
    void resume();
    void cancel();
    std::size_t memory_bytes() const noexcept override { return own_ ? own_->bytes : 0; }
    void shed() override { fail(PK_END_LIMIT); }
    // Ends it now, at a time when no plugin is running. `tells`: with the end callback.
    void end(std::uint32_t cause, bool tells);

private:
    void send_informational(std::uint32_t, const http::fields&) override {}
    void send_head(const response_out& head) override;
    void send_data(base::slice data) override;
    void send_end(const http::fields& trailers) override;
    std::size_t queued() const noexcept override { return in_.bytes(); }
    std::size_t held() const noexcept override { return in_.held(); }
    base::block_account* account() const noexcept override;
    void abort(base::end_reason why) override;
    void resume_request() override;
    void send_continue() override {}

    void run_deferred() override;
    void send_body();
    bool give_head();
    bool give_data();
    void fail(std::uint32_t cause);
    template <class Call>
    auto call(Call&& callback);
    void let_parent_go_on();

    context& context_;
    const subrequest_owner owner_;
    const pk_subrequest
        what_;  // Its numbers and functions; what it pointed at is the child's by now.
    base::block_account* const own_;  // Null: it is on its parent's.
    stream* child_;
    base::slice_queue body_;
    std::unique_ptr<spool> more_;  // Behind it.
    base::slice_queue in_;         // Of the response, until the plugin takes it.
    net::timer timer_;
    std::uint64_t received_ = 0;
    std::uint32_t failed_ = 0;  // PK_END_...
    bool begun_ = false;
    bool body_sent_ = false;
    bool has_head_ = false;
    bool head_given_ = false;
    bool paused_ = false;
    bool resumed_ = false;
    bool complete_ = false;
    bool cancelled_ = false;
};

// All of one worker.
class subrequest_table {
public:
    static constexpr std::size_t running_max = 1024;
    static constexpr std::size_t per_handle_max = 8;
    static constexpr unsigned depth_max = 4;

    explicit subrequest_table(context& c) : context_(c) {}
    subrequest_table(const subrequest_table&) = delete;
    subrequest_table& operator=(const subrequest_table&) = delete;

    pk_status start(slot& parent, const pk_subrequest& what, std::uint64_t& id);
    pk_status start_on_worker(const pk_host* host, const pk_subrequest& what, std::uint64_t& id);
    subrequest* of_parent(const slot& parent, std::uint64_t id) const noexcept;
    subrequest* of_host(const pk_host* host, std::uint64_t id) noexcept;

    // Those without a parent: nobody else answers for what they hold.
    template <class F>
    void for_each_detached(F&& f) {
        running_.for_each([&](subrequest& s) {
            if (!s.owner().parent) f(s);
        });
    }

    // Before stream_end of the parent: its own are cancelled.
    static void end_children(stream& parent);
    // Before the first worker_exit: the rest ends with PK_END_SHUTDOWN, and none can be started.
    void close();
    // The same for one instance, those that it started on its worker and detached ones.
    void end_of(const pk_host* host);

private:
    friend class subrequest;
    pk_status launch(const subrequest_owner& owner, slot* from, pk_subrequest what,
                     std::uint64_t& id);

    context& context_;
    base::list<subrequest, subrequest> running_;
    std::size_t count_ = 0;
    std::uint64_t ids_ = 0;
    bool closed_ = false;
    const pk_host* ending_ = nullptr;  // That can start none.
};

const pk_subrequest_service* subrequest_service() noexcept;

}  // namespace pkernel::stream

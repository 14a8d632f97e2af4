// The services that belong to streams and workers: pk.timer/1, pk.waker/1, pk.variables/1,
// pk.offload/1, pk.subrequest/1.

#pragma once

#include "kernel/plugin/services.hpp"
#include "kernel/stream/context.hpp"

namespace pkernel::stream {

// [control] Before the first instance is created.
void provide_services(plugin::services& to);

// Stands on a worker's thread while it runs: which context the calls without a stream mean, and
// where wakers of this worker lead.
class services_of_thread {
public:
    explicit services_of_thread(context& c);
    ~services_of_thread();
    services_of_thread(const services_of_thread&) = delete;
    services_of_thread& operator=(const services_of_thread&) = delete;

    static context* current() noexcept;

    // Before its worker_exit: timers and subrequests of the instance on this worker end.
    void end_of(const pk_host* host);

    // Before the first worker_exit: what belongs to instances on this worker ends, with its last
    // callback. No stream runs any more.
    void close();

private:
    context& context_;
};

}  // namespace pkernel::stream

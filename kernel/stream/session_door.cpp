#include "kernel/stream/session_door.hpp"

#include "kernel/stream/context.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/waker_table.hpp"

namespace pkernel::stream {

pk_waker session_door::make_waker(net::session& s) {
    return context_.wakers->make(s.waker, &s, [](void* who) {
        auto& woken = *static_cast<net::session*>(who);
        woken.call_back([&] { woken.resume(); });
    });
}

pk_status session_door::submit(net::session& s, const pk_conn_job& job) {
    if (!context_.offload) return PK_UNSUPPORTED;
    const pk_waker who = make_waker(s);
    return who.place == UINT64_MAX ? pk_status{PK_NO_MEMORY} : context_.offload->submit(who, job);
}

void session_door::forget(net::session& s) noexcept {
    context_.wakers->forget(s.waker);
}

}  // namespace pkernel::stream

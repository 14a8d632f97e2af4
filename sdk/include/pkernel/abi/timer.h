/* pk.timer/1: one-shot timers. A timer belongs to a stream or to a worker's instance and is
 * cancelled with it: its callback is never called after stream_end, or after worker_exit.
 * Resolution about 1 ms. */
#ifndef PKERNEL_ABI_TIMER_H
#define PKERNEL_ABI_TIMER_H

#include "pkernel/abi/host.h"
#include "pkernel/abi/stream.h"

#define PK_TIMER_ID "pk.timer/1"

typedef struct pk_timer_service {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Calls fn(s, arg) in `ns`. At most 8 a handle. *timer (optional) names it for cancel.
     */
    pk_status (*start)(pk_stream* s, uint64_t ns, void (*fn)(pk_stream* s, void* arg), void* arg,
                       uint64_t* timer);
    /* [worker] No effect when it has fired or is unknown. */
    void (*cancel)(pk_stream* s, uint64_t timer);
    /* [worker] The same for an instance on the calling worker, from worker_init on. At most 64. */
    pk_status (*start_on_worker)(const pk_host* host, uint64_t ns, void (*fn)(void* arg), void* arg,
                                 uint64_t* timer);
    void (*cancel_on_worker)(const pk_host* host, uint64_t timer);
} pk_timer_service;

#endif

/* pk.offload/1: work that may block or take long, away from the worker.
 *
 * run gets owned memory only: no handle, slice or view. When the stream ends first, done is not
 * called, and drop is, on the worker, once run has returned. An instance is not stopped while a job
 * of its runs. */
#ifndef PKERNEL_ABI_OFFLOAD_H
#define PKERNEL_ABI_OFFLOAD_H

#include "pkernel/abi/host.h"
#include "pkernel/abi/stream.h"

#define PK_OFFLOAD_ID "pk.offload/1"

typedef struct pk_job {
    uint32_t size;
    uint32_t reserved;
    void* arg;
    void (*run)(void* arg);                /* [any] on a pool thread */
    void (*done)(pk_stream* s, void* arg); /* [worker] the stream is alive; owns arg from here */
    void (*drop)(void* arg);               /* [worker] the stream is gone; owns arg from here */
} pk_job;

typedef struct pk_offload {
    uint32_t size;
    uint32_t reserved;
    /* [worker] The job is copied. PK_NO_MEMORY: the queue (1,024 jobs) is full; nothing was taken.
     */
    pk_status (*submit)(pk_stream* s, const pk_job* job);
    /* [worker] The same for an instance on the calling worker: done gets a null stream; drop comes
     * instead of it when the worker is about to exit. */
    pk_status (*submit_on_worker)(const pk_host* host, const pk_job* job);
} pk_offload;

#endif

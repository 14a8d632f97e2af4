/* pk.waker/1: continues a waiting stream from anywhere. A waker is a value: safe from any thread,
 * twice, and after the stream is gone, when it does nothing. It belongs to the handle, not to one
 * wait: a wake that comes late reaches the resumed hook, which must look at its own state. */
#ifndef PKERNEL_ABI_WAKER_H
#define PKERNEL_ABI_WAKER_H

#include "pkernel/abi/host.h"
#include "pkernel/abi/stream.h"

#define PK_WAKER_ID "pk.waker/1"

typedef struct pk_waker {
    uint64_t place; /* worker and slot */
    uint64_t life;  /* counter: tells a reused slot apart */
} pk_waker;

typedef struct pk_waker_service {
    uint32_t size;
    uint32_t reserved;
    pk_waker (*make)(pk_stream* s); /* [worker] */
    /* [any] The stream's worker resumes both directions of the handle that made it (resumed hook).
     * Never fails: wakes that come before the last was delivered become one, so that nothing can be
     * full, and one made before the hook has returned its PK_WAIT counts. PK_INVALID: no waker that
     * make returned. */
    pk_status (*wake)(const pk_host* host, pk_waker waker);
} pk_waker_service;

#endif

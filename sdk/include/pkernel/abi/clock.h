/* pk.clock/1: time. Never read another clock: tests turn this one by hand. */
#ifndef PKERNEL_ABI_CLOCK_H
#define PKERNEL_ABI_CLOCK_H

#include "pkernel/abi/host.h"

#define PK_CLOCK_ID "pk.clock/1"

typedef struct pk_clock {
    uint32_t size;
    uint32_t reserved;
    uint64_t (*now)(
        const pk_host* host); /* [any] monotonic ns; on a worker the loop's cached value */
    uint64_t (*unix_ns)(const pk_host* host); /* [any] wall clock */
} pk_clock;

#endif

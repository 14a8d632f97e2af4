/* pk.metrics/1: counters, gauges and histograms. Registered once at create, then bumped by number:
 * a relaxed add on the calling worker's own shard. */
#ifndef PKERNEL_ABI_METRICS_H
#define PKERNEL_ABI_METRICS_H

#include "pkernel/abi/host.h"

#define PK_METRICS_ID "pk.metrics/1"

enum { PK_COUNTER = 0, PK_GAUGE = 1, PK_HISTOGRAM = 2 };

typedef struct pk_metrics {
    uint32_t size;
    uint32_t reserved;
    /* [control] During create. `name` is [a-z_]+, published as pkernel_<plugin>_<name> with the
     * instance's place as a label. Registering the same name again gives the same number.
     * PK_NO_MEMORY past 64. */
    pk_status (*define)(const pk_host* host, uint32_t kind, pk_str name, pk_str help,
                        uint32_t* metric);
    void (*add)(const pk_host* host, uint32_t metric, int64_t value);      /* [any] */
    void (*set)(const pk_host* host, uint32_t metric, int64_t value);      /* [any] gauge */
    void (*observe)(const pk_host* host, uint32_t metric, uint64_t value); /* [any] histogram */
} pk_metrics;

#endif

/* pk.health/1: a source of endpoint states (upstream `health`): active, passive, or both.
 *
 * Each source publishes; the kernel combines: an endpoint is usable when its config has it in and
 * no source says down. Each change is a line in the log, with its source and reason. A source that
 * says nothing is PK_HEALTH_UNKNOWN, which keeps nothing out. States are shared by all workers.
 *
 * Probes are subrequests (subrequest.h: start_on_worker with upstream and endpoint, perhaps
 * PK_SUB_CONNECT); timers are timer.h's start_on_worker. Probes are not told to `outcome`.
 */
#ifndef PKERNEL_ABI_HEALTH_H
#define PKERNEL_ABI_HEALTH_H

#include "pkernel/abi/attempt.h"
#include "pkernel/abi/balancer.h"
#include "pkernel/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_HEALTH_ID "pk.health/1"

enum { PK_HEALTH_UNKNOWN = 0, PK_HEALTH_UP = 1, PK_HEALTH_DOWN = 2 };

typedef struct pk_health_state {
    uint32_t size;
    uint32_t state;  /* PK_HEALTH_... */
    uint64_t for_ns; /* of PK_HEALTH_DOWN: after that it is on trial, which means that one request a
                        second may be sent there, until something else is published. 0: no trial */
    pk_str reason;   /* one sentence for people; copied, cut to 160 bytes */
} pk_health_state;

/* One upstream as one source sees it. The kernel's; given to `elected` it lives until worker_exit,
 * or until that is called again. States outlive it: a reload keeps those of endpoints that stay. */
typedef struct pk_health_upstream {
    uint32_t size;
    uint32_t reserved;
    pk_str name;
    const pk_endpoints* endpoints; /* all, whatever their state */
    /* [any] Says what this source knows of endpoint `index`. PK_INVALID: there is none such. */
    pk_status (*publish)(const struct pk_health_upstream* u, uint32_t index,
                         const pk_health_state* state);
    /* [any] How many endpoints the config has in, and how many of them no source says down. */
    void (*count)(const struct pk_health_upstream* u, uint32_t* all, uint32_t* up);
    /* [any] Four words of this source and endpoint, zero at first, shared by all workers: relaxed
     * atomics. Null: there is none such. */
    uint64_t* (*words)(const struct pk_health_upstream* u, uint32_t index);
} pk_health_upstream;

/* Why an attempt went to an endpoint that is down. Append-only. */
enum {
    PK_TRIAL_NONE = 0,  /* it was not */
    PK_TRIAL_DUE = 1,   /* for_ns was over */
    PK_TRIAL_EARLY = 2, /* it was not over, but no endpoint was up: tried twice a second */
    PK_TRIAL_FORCED = 3 /* no endpoint was up, and the config says to try all then */
};

/* An attempt that ended. Views live until the call returns. */
typedef struct pk_health_outcome {
    uint32_t size;
    uint32_t trial; /* PK_TRIAL_... */
    const pk_health_upstream* upstream;
    const pk_attempt_facts* facts; /* endpoint, failure, status, elapsed_ns */
} pk_health_outcome;

typedef struct pk_health {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;

    /* [worker] Optional, active: this worker is the one, from its worker_init on. Null: no longer,
     * and what was given before is not valid any more; at a reload another one follows. */
    void (*elected)(void* instance, const pk_health_upstream* upstream);
    /* [worker] Optional, passive: on whichever worker made the attempt. Not for one that was
     * cancelled or vetoed. May publish. */
    void (*outcome)(void* instance, const pk_health_outcome* outcome);
} pk_health;

#ifdef __cplusplus
}
#endif

#endif

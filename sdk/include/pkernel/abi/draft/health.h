/* pk.health/1-draft: a source of endpoint states (upstream `health`): active, passive, or both.
 *
 * A draft: its id matches one exact build and is outside the promise; it will be "pk.health/1".
 *
 * Each source publishes; the kernel combines: an endpoint is usable when no source says down, its
 * weight factor is the product, and every source is shown with its reason. A source that says
 * nothing is PK_HEALTH_UNKNOWN, which keeps nothing out. Probes are subrequests (subrequest.h:
 * start_on_worker with upstream, endpoint, perhaps PK_SUB_CONNECT); timers are timer.h's
 * start_on_worker. Outcomes of probes are not reported to `outcome`.
 */
#ifndef PKERNEL_ABI_DRAFT_HEALTH_H
#define PKERNEL_ABI_DRAFT_HEALTH_H

#include "pkernel/abi/attempt.h"
#include "pkernel/abi/balancer.h"
#include "pkernel/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_HEALTH_ID "pk.health/1-draft"
#define PK_HEALTH_SERVICE_ID "pk.health_service/1-draft"

enum { PK_HEALTH_UNKNOWN = 0, PK_HEALTH_UP = 1, PK_HEALTH_DOWN = 2 };

typedef struct pk_health_state {
    uint32_t size;
    uint32_t state;  /* PK_HEALTH_... */
    uint32_t weight; /* factor in thousandths; 1000: as configured */
    uint32_t reserved;
    uint64_t for_ns; /* after that it is PK_HEALTH_UNKNOWN again (a cooldown); 0: until replaced */
    pk_str reason;   /* one sentence for people; copied */
} pk_health_state;

/* An attempt that ended, seen by a passive source. */
typedef struct pk_health_outcome {
    uint32_t size;
    uint32_t reserved;
    const pk_attempt_facts* facts; /* endpoints, endpoint, failure, status, elapsed_ns */
    uint64_t*
        words; /* four of this source and endpoint, zero at first, shared by all workers (relaxed
                  atomics), kept as long as the endpoint's address is in the upstream */
} pk_health_outcome;

typedef struct pk_health_service {
    uint32_t size;
    uint32_t reserved;
    /* [any] Endpoint by its address. PK_NOT_FOUND: no longer in the upstream (a late probe):
     * nothing was done. */
    pk_status (*publish)(const pk_host* host, pk_str address, const pk_health_state* state);
    /* [any] How many endpoints the upstream has, and how many are usable now (for an ejection
     * cap). */
    void (*count)(const pk_host* host, uint32_t* all, uint32_t* usable);
} pk_health_service;

typedef struct pk_health {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;

    /* [worker] Optional, active: this worker is the one. Called after worker_init on one worker,
     * with the endpoints of now; views live until the next call of either. */
    void (*elected)(void* instance, pk_str upstream, const pk_endpoints* endpoints);
    /* [worker] The endpoints changed; on the elected worker. Probes of those that are gone: cancel
     * them. */
    void (*changed)(void* instance, const pk_endpoints* endpoints);
    /* [worker] Optional, passive: on whichever worker made the attempt. May publish. */
    void (*outcome)(void* instance, const pk_health_outcome* outcome);
} pk_health;

#ifdef __cplusplus
}
#endif

#endif

/* pk.balancer/1: picks an endpoint for an attempt (upstream `balancer`).
 *
 * Endpoints stand in an immutable snapshot; a change makes a new one. pick is a leaf: it returns at
 * once and may read the request's fields, variables and the clock and use allocate, nothing else.
 *
 * A balancer may have an inner one (an option of type PK_OPT_PLUGIN, point "pk.balancer/1"): the
 * node's handle is a pk_inner_balancer. The kernel makes, measures and ends it; each balancer of an
 * upstream that asks for results gets those of all its attempts, whoever chose.
 */
#ifndef PKERNEL_ABI_BALANCER_H
#define PKERNEL_ABI_BALANCER_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_BALANCER_ID "pk.balancer/1"
#define PK_NO_ENDPOINT UINT32_MAX

/* Flags of an endpoint. */
enum {
    PK_ENDPOINT_BACKUP = 1u,
    PK_ENDPOINT_TRIED = 2u, /* reserved, never set: those already tried are no candidates */
    PK_ENDPOINT_OUT = 4u,   /* the config has it out (`state`): never a candidate */
    PK_ENDPOINT_DRAINS = 8u /* beside OUT: it still serves clients that are tied to it */
};

/* Counters that all workers share, on a cache line of their own. Read with relaxed atomics. The
 * kernel keeps `in_flight` only for a balancer whose needs say PK_BALANCER_IN_FLIGHT. */
typedef struct pk_endpoint_shared {
    uint32_t in_flight;
    uint32_t usable;   /* 0: health, state or a limit keeps it out; may change at any moment */
    uint64_t words[2]; /* the balancer's own, the innermost one's where they nest; zero at first */
} pk_endpoint_shared;

typedef struct pk_endpoint {
    pk_str address;  /* as in the config; stable identity within the upstream */
    uint32_t weight; /* >= 1 */
    uint32_t flags;
    pk_endpoint_shared* shared;
} pk_endpoint;

typedef struct pk_endpoints {
    uint32_t size;
    uint32_t count;
    uint32_t stride;
    uint32_t reserved;
    const pk_endpoint* first;
    uint64_t version; /* of the snapshot; differs from every other of this upstream */
} pk_endpoints;

/* One choice. `candidates` are the indices that may be picked: usable, not yet tried, backups only
 * when no primary is left. Never empty, but where `draining` is not. The kernel has filtered them,
 * so a balancer need not look at flags. */
typedef struct pk_pick {
    uint32_t size;
    uint32_t worker;
    const pk_endpoints* endpoints;
    const uint32_t* candidates; /* null: every endpoint of the snapshot, the usual case */
    uint32_t candidate_count;
    uint32_t attempt; /* 1 for the first */
    int64_t* words;   /* two words an endpoint of this snapshot, this worker's and this balancer's
                         own: words[2 * index], words[2 * index + 1]. Zero in a snapshot that is
                         new: with other endpoints, another order, other weights or flags */
    uint64_t random;  /* fresh random bits */
    pk_stream*
        stream; /* only request, fields, find, allocate and variables.h's get; state is null */
    /* Adds a field to the response if the response of this very attempt is the one sent (sticky's
     * cookie). `choice` is the one given or a copy of it. Name and value are copied; answers as
     * stream.h's add_field; at most 4 a pick (PK_NO_MEMORY). */
    pk_status (*response_field)(const struct pk_pick* choice, pk_str name, pk_str value);
    /* Given to a balancer whose needs say PK_BALANCER_TIES: further indices that may be picked, of
     * endpoints that the config drains, for a request of a client that was tied to one before. */
    const uint32_t* draining;
    uint32_t draining_count;
    uint32_t reserved;
} pk_pick;

/* The handle of an inner balancer. */
typedef struct pk_inner_balancer {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Inside pick only, with the choice that was given or a copy of it with other
     * candidates, of which only those are read; the inner one sees its own `words`. A
     * candidate's index or PK_NO_ENDPOINT. */
    uint32_t (*pick)(const struct pk_inner_balancer* inner, const pk_pick* choice);
} pk_inner_balancer;

/* needs(): PK_BALANCER_TIES says that it ties clients to endpoints, by a cookie or the like. */
enum { PK_BALANCER_IN_FLIGHT = 1u, PK_BALANCER_RESULTS = 2u, PK_BALANCER_TIES = 4u };

typedef struct pk_balancer {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;
    uint32_t (*needs)(void* instance); /* [control] optional */
    /* [worker] The index of the endpoint to try, a candidate or one of `draining`, or
     * PK_NO_ENDPOINT. Any other counts as that. */
    uint32_t (*pick)(void* instance, const pk_pick* choice);
    /* [worker] Optional, with PK_BALANCER_RESULTS: how an attempt ended; cause is PK_END_..., ns
     * its time. The snapshot is the one that was picked from, perhaps no longer the newest. Once a
     * pick that was used. */
    void (*result)(void* instance, const pk_endpoints* endpoints, uint32_t index, uint32_t cause,
                   uint64_t ns);
} pk_balancer;

#ifdef __cplusplus
}
#endif

#endif

/* pk.subrequest/1: a request of the plugin's own, through a route or straight to an upstream.
 *
 * It belongs to the stream that started it: no callback comes after stream_end. With
 * PK_SUB_DETACHED, or from start_on_worker, it belongs to the instance on that worker and may
 * outlive the stream (revalidation, probes): callbacks get a null stream, `end` always comes, with
 * PK_END_SHUTDOWN before worker_exit at the latest, and resume and cancel are the ..._on_worker
 * ones. At most 8 at once a handle, 1,024 on a worker (detached ones count there only); depth at
 * most 4 (PK_NO_MEMORY). Order: head once or never, data*, end; an error of the kernel's own
 * (unreachable, a limit) is told by end alone. Callbacks never run inside start. No log is told. */
#ifndef PKERNEL_ABI_SUBREQUEST_H
#define PKERNEL_ABI_SUBREQUEST_H

#include "pkernel/abi/host.h"
#include "pkernel/abi/stream.h"

#define PK_SUBREQUEST_ID "pk.subrequest/1"

enum {
    PK_SUB_DETACHED = 1u,
    /* Goes through what follows this filter on its route: the filters after it and the handler.
     * `upstream` must be empty, and there must be a parent. This is how a cache asks its own
     * origin. */
    PK_SUB_REST = 2u,
    /* The body is what the parent collected of its request, wherever it lies; `body` is not read.
     * The parent must hold that body until the end, so not with PK_SUB_DETACHED (PK_INVALID). */
    PK_SUB_COLLECTED = 4u,
    /* Only connects, through the upstream's transport, then ends: no head, and what would be sent
       is not read. With `upstream` and `endpoint` (probes). */
    PK_SUB_CONNECT = 8u
};

typedef struct pk_subrequest {
    uint32_t size;
    uint32_t flags;
    pk_str upstream; /* its name; size 0: matched against the routes like a client's request */
    pk_str method;
    pk_str authority; /* size 0: the parent's, or without one the endpoint's address */
    pk_str target;    /* path[?query]; size 0: the parent's */
    pk_field_view
        fields; /* all there are (none is taken from the parent); checked as by set_field, copied */
    pk_slice_view body;  /* slices with a block are referenced, others copied; may be empty */
    uint64_t body_limit; /* of the response; past it the subrequest fails with PK_END_LIMIT */
    uint64_t timeout_ns; /* 0: that of the upstream */
    void* arg;
    /* [worker] Optional: the response's head. Views live until it returns. */
    void (*head)(pk_stream* parent, void* arg, uint32_t status, pk_field_view fields);
    /* [worker] Optional: body bytes; returns bytes taken, fewer pauses until resume. */
    uint64_t (*data)(pk_stream* parent, void* arg, const pk_slice_view* data);
    /* [worker] Last call: PK_END_COMPLETE or why it failed. */
    void (*end)(pk_stream* parent, void* arg, uint32_t cause, pk_field_view trailers);
    pk_str
        endpoint; /* an address of `upstream`: asks that one, whatever its state, past the balancer,
                     the attempt plugins and max_connections, on a connection made for it and
                     closed after it; PK_NOT_FOUND: it has none such; size 0: as for any request */
    uint32_t endpoint_port; /* 0: its own */
    uint32_t reserved;
} pk_subrequest;

typedef struct pk_subrequest_service {
    uint32_t size;
    uint32_t reserved;
    pk_status (*start)(pk_stream* parent, const pk_subrequest* what, uint64_t* id); /* [worker] */
    void (*resume)(pk_stream* parent, uint64_t id);                                 /* [worker] */
    void (*cancel)(pk_stream* parent, uint64_t id); /* [worker] end is not called afterwards */
    /* [worker] For detached ones, from worker_init to worker_exit. start_on_worker has no parent.
     */
    pk_status (*start_on_worker)(const pk_host* host, const pk_subrequest* what, uint64_t* id);
    void (*resume_on_worker)(const pk_host* host, uint64_t id);
    void (*cancel_on_worker)(const pk_host* host, uint64_t id);
} pk_subrequest_service;

#endif

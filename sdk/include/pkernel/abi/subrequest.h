/* pk.subrequest/1: a request of the plugin's own, through a route or straight to an upstream.
 *
 * It belongs to the stream that started it and ends with it, unless PK_SUB_DETACHED, when it belongs to the
 * instance and may outlive the stream (revalidation): then callbacks get a null stream. At most 8 at once a
 * stream; depth at most 4 (PK_NO_MEMORY). Callbacks never run inside start. */
#ifndef PKERNEL_ABI_SUBREQUEST_H
#define PKERNEL_ABI_SUBREQUEST_H

#include "pkernel/abi/host.h"
#include "pkernel/abi/stream.h"

#define PK_SUBREQUEST_ID "pk.subrequest/1"

enum { PK_SUB_DETACHED = 1u };

typedef struct pk_subrequest {
    uint32_t size;
    uint32_t flags;
    pk_str upstream; /* its name; size 0: matched against the routes like a client's request */
    pk_str method;
    pk_str authority; /* size 0: the parent's */
    pk_str target;    /* path[?query] */
    pk_field_view fields;
    pk_slice_view body;   /* copied or referenced; may be empty */
    uint64_t body_limit;  /* of the response; past it the subrequest fails with PK_END_LIMIT */
    uint64_t timeout_ns;  /* 0: that of the upstream */
    void* arg;
    /* [worker] Optional: the response's head. Views live until it returns. */
    void (*head)(pk_stream* parent, void* arg, uint32_t status, pk_field_view fields);
    /* [worker] Optional: body bytes; returns bytes taken, fewer pauses until resume. */
    uint64_t (*data)(pk_stream* parent, void* arg, const pk_slice_view* data);
    /* [worker] Last call: PK_END_COMPLETE or why it failed. */
    void (*end)(pk_stream* parent, void* arg, uint32_t cause, pk_field_view trailers);
} pk_subrequest;

typedef struct pk_subrequest_service {
    uint32_t size;
    uint32_t reserved;
    pk_status (*start)(pk_stream* parent, const pk_subrequest* what, uint64_t* id); /* [worker] */
    void (*resume)(pk_stream* parent, uint64_t id);                                /* [worker] */
    void (*cancel)(pk_stream* parent, uint64_t id); /* [worker] end is not called afterwards */
} pk_subrequest_service;

#endif

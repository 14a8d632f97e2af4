/* pk.log/1: end-of-stream records (top-level or route `logs`).
 *
 * record is called once a stream, after its last byte, also for requests that never had a route (a
 * malformed head). Every string may hold any byte: a writer must escape (S34). Views live until
 * record returns.
 */
#ifndef PKERNEL_ABI_LOG_H
#define PKERNEL_ABI_LOG_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/request.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_LOG_ID "pk.log/1"

struct pk_stream;

typedef struct pk_annotation {
    pk_str key; /* "<instance>.<key>" */
    pk_str value;
} pk_annotation;

typedef struct pk_record {
    uint32_t size;
    uint32_t worker;
    const pk_request* request; /* as it stood at the end; never null, its parts may be empty */
    pk_field_view request_fields;
    pk_field_view response_fields;
    uint32_t status;   /* as sent to the client; 0: none was */
    uint32_t cause;    /* PK_END_... */
    pk_str end_reason; /* name of the limit or event, "complete" when all went well */
    pk_str upstream;   /* its name; size 0: none was asked */
    pk_str endpoint;   /* address of the last attempt */
    uint32_t attempts; /* 0: none */
    uint32_t reused;   /* 1: the last attempt used a pooled connection */
    uint64_t start_unix_ns;
    uint64_t duration_ns;      /* first byte of the head to last byte of the response */
    uint64_t upstream_head_ns; /* start of the last attempt to its response head; 0: none came */
    uint64_t upstream_connect_ns;
    uint64_t request_bytes;  /* of the body, as received; of a tunnel, client to origin */
    uint64_t response_bytes; /* of the body, as sent; of a tunnel, origin to client */
    const pk_annotation* annotations;
    uint32_t annotation_count;
    uint32_t annotation_stride;
    pk_str protocol;          /* "HTTP/1.1", ... */
    struct pk_stream* stream; /* for variables.h's get and for stream.h's fields and find, nothing
                                 else; its state is null; null when the head was malformed */
    pk_str failed_attempts;   /* "address=cause, ...", one for each attempt before the last, and the
                                 last too where end_reason does not tell; size 0: none failed */
    pk_str body_kept; /* where the request's body stood for another attempt: "memory", "file";
                         or why it did not: "too_long", "no_memory", "no_disk"; size 0: none
                         was to be kept */
    uint64_t upstream_queue_ns; /* it waited so long for a place at the upstream; 0: it did not */
} pk_record;

typedef struct pk_log {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;
    void (*record)(void* instance, const pk_record* record); /* [worker] must not block */
    void (*reopen)(void* instance);                          /* [control] optional; SIGUSR1 */
    void (*tick)(void* instance,
                 uint32_t worker); /* [worker] optional; about once a second: flush */
} pk_log;

#ifdef __cplusplus
}
#endif

#endif

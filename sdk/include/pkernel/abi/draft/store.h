/* pk.store/1-draft: small values under keys, with a time to live (an option of another plugin, or
 * top-level `stores` to share one).
 *
 * A draft: its id matches one exact build and is outside the promise; it will be "pk.store/1".
 * Tags, blobs and leases come as further kinds.
 *
 * The user's plugin has an option of type PK_OPT_PLUGIN; its node's handle is a pk_store_handle of
 * the kernel's, never the other plugin's table. An operation answers at once (PK_OK, *now is
 * filled, no callback), or later (PK_LATER, done is called once, never inside run), or not at all
 * (any other status).
 */
#ifndef PKERNEL_ABI_DRAFT_STORE_H
#define PKERNEL_ABI_DRAFT_STORE_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_STORE_ID "pk.store/1-draft"
#define PK_STORE_SERVICE_ID "pk.store_service/1-draft"

enum {
    PK_STORE_GET = 0,  /* PK_NOT_FOUND when absent or expired */
    PK_STORE_PUT = 1,  /* unconditionally */
    PK_STORE_INCR = 2, /* adds `delta` to a number, 0 and `ttl_ns` when absent (the time to live of
                          one that is there stays); the sum in `number` */
    PK_STORE_CAS = 3,  /* puts if the version is still `version` (0: if absent), else PK_WRONG_STATE
                          and the value  and version that are there */
    PK_STORE_DELETE = 4
};

typedef struct pk_store_result {
    uint32_t size;
    pk_status status;
    pk_str value;     /* with PK_OK: until the user's callback returns; in done: until it returns */
    int64_t number;   /* INCR */
    uint64_t version; /* of the value; never 0 */
    uint64_t ttl_ns;  /* left; 0: for ever */
} pk_store_result;

typedef struct pk_store_op {
    uint32_t size;
    uint32_t kind; /* PK_STORE_... */
    pk_str key;    /* at most 1 KiB */
    pk_str value;  /* at most 1 MiB */
    int64_t delta;
    uint64_t version;
    uint64_t ttl_ns;     /* 0: for ever */
    uint64_t timeout_ns; /* then done comes with PK_FAILED; 0: 1 s */
    void* arg;
    /* [worker] s is null for run_on_worker. Not called after stream_end, cancel or worker_exit. */
    void (*done)(pk_stream* s, void* arg, const pk_store_result* result);
} pk_store_op;

/* The user's side. */
typedef struct pk_store_handle {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Key and value are copied where they are kept. now->size is set by the caller. id is
     * optional. */
    pk_status (*run)(const struct pk_store_handle* store, pk_stream* s, const pk_store_op* op,
                     pk_store_result* now, uint64_t* id);
    pk_status (*run_on_worker)(const struct pk_store_handle* store, const pk_host* host,
                               const pk_store_op* op, pk_store_result* now, uint64_t* id);
    /* [worker] done is not called afterwards; the operation itself may still happen. */
    void (*cancel)(const struct pk_store_handle* store, uint64_t id);
} pk_store_handle;

/* The store's side. */
typedef struct pk_store {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;
    /* [worker] PK_OK with *now filled; or PK_LATER and, with `ticket`, complete() once, from
     * anywhere; or an error. op's views live for the call; op's arg and done are zero here. */
    pk_status (*run)(void* instance, const pk_store_op* op, uint64_t ticket, pk_store_result* now);
    void (*abandoned)(void* instance,
                      uint64_t ticket); /* [worker] optional: nobody waits any more */
} pk_store;

typedef struct pk_store_service {
    uint32_t size;
    uint32_t reserved;
    /* [any] The result is copied. PK_NOT_FOUND: no such ticket, or completed, timed out or
     * abandoned before. Inside run it is legal; done comes later all the same, if run then answers
     * PK_LATER. */
    pk_status (*complete)(const pk_host* host, uint64_t ticket, const pk_store_result* result);
} pk_store_service;

#ifdef __cplusplus
}
#endif

#endif

/* pk.http_filter/1: the chain on a route (route `filters`).
 *
 * Order: request_headers, request_data*, request_end; then informational*, response_headers, response_data*,
 * response_end; stream_end last, exactly once if request_headers was called. The two directions overlap: a
 * response may come before the request's end. Requests pass the chain in the route's order, responses in
 * reverse. Hooks may be null; only those in interest() are ever called, and the others cost nothing.
 */
#ifndef PKERNEL_ABI_HTTP_FILTER_H
#define PKERNEL_ABI_HTTP_FILTER_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_HTTP_FILTER_ID "pk.http_filter/1"

/* Interest: one bit a hook. */
enum {
    PK_ON_REQUEST_HEADERS = 1u,
    PK_ON_REQUEST_DATA = 2u,
    PK_ON_REQUEST_END = 4u,
    PK_ON_INFORMATIONAL = 8u,
    PK_ON_RESPONSE_HEADERS = 16u,
    PK_ON_RESPONSE_DATA = 32u,
    PK_ON_RESPONSE_END = 64u,
    PK_ON_STREAM_END = 128u
};

typedef struct pk_http_filter {
    uint32_t size;
    uint32_t state_size; /* bytes of per-stream state; 0: none */
    const pk_factory* factory;

    /* [control] After create: which hooks this instance uses. */
    uint32_t (*interest)(void* instance);

    /* [control] Optional. Request fields that this filter vouches for (lower case): what the client sent under
     * those names, in any spelling, reaches nobody but as PK_FIELDS_CLAIMED. Lives as long as the instance. */
    const pk_str* (*vouches)(void* instance, uint32_t* count);

    pk_verdict (*request_headers)(pk_stream* s);
    /* Bytes taken, 0..all; the kernel offers the rest again when the filter resumes or its output has
     * drained. An observer must take all or wait by taking less, then resume. */
    uint64_t (*request_data)(pk_stream* s, const pk_slice_view* data, uint32_t flags);
    /* The body has been delivered in full. Trailers can be read and changed. NEXT, WAIT or DONE. */
    pk_verdict (*request_end)(pk_stream* s);
    /* After collect(): the body is there. NEXT, WAIT or DONE. */
    pk_verdict (*request_collected)(pk_stream* s);

    /* A 1xx but 101; status() tells which. Any verdict but NEXT drops it. */
    pk_verdict (*informational)(pk_stream* s);
    pk_verdict (*response_headers)(pk_stream* s);
    uint64_t (*response_data)(pk_stream* s, const pk_slice_view* data, uint32_t flags);
    pk_verdict (*response_end)(pk_stream* s);
    pk_verdict (*response_collected)(pk_stream* s);

    /* What this transformer emitted has drained below the mark: it may emit more. Optional. */
    void (*drained)(pk_stream* s, uint32_t direction);
    /* The last call on this handle; `cause` is a PK_END_.... Release what `state` owns. */
    void (*stream_end)(pk_stream* s, uint32_t cause);
} pk_http_filter;

#ifdef __cplusplus
}
#endif

#endif

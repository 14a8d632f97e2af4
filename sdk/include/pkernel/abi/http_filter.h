/* pk.http_filter/1: the chain on a route (route `filters`).
 *
 * Order: request_headers, request_data*, request_end; then informational*, response_headers,
 * response_data*, response_end; stream_end last, exactly once if request_headers was called. The
 * two directions overlap: a response may come before the request's end. Requests pass the chain in
 * the route's order, responses in reverse. Hooks may be null; those with a bit in interest() are
 * called only if it is set, and cost nothing else.
 *
 * An upgrade that the origin grants comes as response_headers with status 101; then neither
 * direction has data or end hooks, and stream_end comes when the tunnel is over.
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

    /* [control] Optional. Request fields that this filter vouches for (lower case): what the client
     * sent under those names, in any spelling, reaches nobody but as PK_FIELDS_CLAIMED. Lives as
     * long as the instance. */
    const pk_str* (*vouches)(void* instance, uint32_t* count);

    pk_verdict (*request_headers)(pk_stream* s);
    /* At most 256 KiB at a time. Bytes taken, 0..all. Less than all is a wait, not a wish for more
     * (a parser keeps its state and takes all): no new bytes and no end, only resume, a waker or
     * drained lead to the next call. The rest, with what has come since, is offered then. There may
     * be no bytes but a FLUSH; `flags` belong to the last byte offered. After a reply or reset in
     * it the count is not read.
     */
    uint64_t (*request_data)(pk_stream* s, const pk_slice_view* data, uint32_t flags);
    /* The body has been taken in full; trailers can be read and changed until it says NEXT. NEXT,
     * WAIT, DONE. A transformer with more to emit than one callback may: WAIT, go on in drained,
     * then resume. */
    pk_verdict (*request_end)(pk_stream* s);
    /* After collect(): the body is there. NEXT, WAIT or DONE. */
    pk_verdict (*request_collected)(pk_stream* s);

    /* A 1xx but 101; status() tells which. Any verdict but NEXT drops it, and it never waits. Comes
     * whatever the request direction does: while it waits, too. */
    pk_verdict (*informational)(pk_stream* s);
    pk_verdict (*response_headers)(pk_stream* s);
    uint64_t (*response_data)(pk_stream* s, const pk_slice_view* data, uint32_t flags);
    pk_verdict (*response_end)(pk_stream* s);
    pk_verdict (*response_collected)(pk_stream* s);

    /* Optional. What this handle emitted has drained below the mark: it may emit more. Called once
     * after each callback that emitted or was answered PK_NO_MEMORY, as soon as less than 64 KiB
     * wait, unless it finished. */
    void (*drained)(pk_stream* s, uint32_t direction);
    /* The last call on this handle; `cause` is a PK_END_.... Release what `state` owns. */
    void (*stream_end)(pk_stream* s, uint32_t cause);

    /* Optional. A waker of this handle was woken (called for each direction, request first, whether
     * or not that one waits), or resume(s, direction) ended a wait. Where a verdict was waited for,
     * this one stands in its place: PK_WAIT goes on waiting, PK_COLLECT is legal for a head. Else
     * it is not read. Where a data hook waits, the data is offered again instead of this call. A
     * wake may be late, from an earlier wait: look at your own state, not at the fact of being
     * called. Null: PK_NEXT. */
    pk_verdict (*resumed)(pk_stream* s, uint32_t direction);
} pk_http_filter;

#ifdef __cplusplus
}
#endif

#endif

/* pk.handler/1: answers a request itself (route `handler`).
 *
 * request is called once, when the chain has let the headers pass. It may reply() at once, or
 * respond(), emit() and finish(), now or later from drained, data, a timer or a waker; it returns
 * PK_DONE when it has replied or finished, PK_WAIT when it goes on later, PK_COLLECT after
 * collect(), PK_NEXT like PK_WAIT. Body and end are delivered meanwhile; PK_WAIT does not hold
 * them, taking less than offered does. After reply() or finish() come no data and no end: what the
 * client still sends is drained within limits, as is a body that nobody reads.
 */
#ifndef PKERNEL_ABI_HANDLER_H
#define PKERNEL_ABI_HANDLER_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_HANDLER_ID "pk.handler/1"

typedef struct pk_handler {
    uint32_t size;
    uint32_t state_size;
    const pk_factory* factory;

    pk_verdict (*request)(pk_stream* s);
    /* Optional: the body. Bytes taken are gone; less than all pauses the client until resume(s,
     * PK_REQUEST), which a handler that emits what it reads calls in drained. */
    uint64_t (*data)(pk_stream* s, const pk_slice_view* data, uint32_t flags);
    pk_verdict (*end)(pk_stream* s); /* optional; the request is complete, trailers can be read */
    pk_verdict (*collected)(pk_stream* s);
    /* What was emitted has drained below the mark: emit more. Called once after respond(), and once
     * after each callback that emitted or was answered PK_NO_MEMORY, as soon as less than 64 KiB
     * wait, until finish(). */
    void (*drained)(pk_stream* s);
    /* A waker of this handle was woken (perhaps one of an earlier wait), or resume(s, PK_RESPONSE)
     * was called. */
    void (*resumed)(pk_stream* s);
    void (*stream_end)(pk_stream* s, uint32_t cause); /* optional */
} pk_handler;

#ifdef __cplusplus
}
#endif

#endif

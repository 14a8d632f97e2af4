/* pk.handler/1: answers a request itself (route `handler`).
 *
 * request is called once, when the chain has let the headers pass. It may reply() at once, or respond(), emit()
 * and finish(), now or later from drained, data, a timer or a waker; it returns PK_DONE when it has
 * replied, PK_WAIT when it goes on later, PK_COLLECT after collect(), PK_NEXT like PK_WAIT.
 * A request body that nobody reads is drained within limits after the response.
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
    /* Optional: the body. Bytes taken are gone; less than all pauses the client until resume(s, PK_REQUEST). */
    uint64_t (*data)(pk_stream* s, const pk_slice_view* data, uint32_t flags);
    pk_verdict (*end)(pk_stream* s); /* optional; the request is complete, trailers can be read */
    pk_verdict (*collected)(pk_stream* s);
    /* What was emitted has drained below the mark: emit more. Also called once after respond(). */
    void (*drained)(pk_stream* s);
    /* A waker of this stream was woken, or resume() was called. */
    void (*resumed)(pk_stream* s);
    void (*stream_end)(pk_stream* s, uint32_t cause); /* optional */
} pk_handler;

#ifdef __cplusplus
}
#endif

#endif

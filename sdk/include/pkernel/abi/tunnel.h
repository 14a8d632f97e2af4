/* pk.tunnel/1: judges an upgrade request, and after the origin granted it has the last word about
 * what passes in either direction (route `upgrade`).
 *
 * A request is an upgrade when its protocol, as named in Upgrade, is one that a tunnel of its route
 * lists; then PK_REQUEST_UPGRADE is set, and the origin is asked for that one protocol. Where none
 * lists it the field is dropped and the request is a plain one.
 *
 * The handle is a pk_stream like a filter's, so its timers, wakers, annotate, allocate, retain,
 * emit, finish, resume and reset are stream.h's. The tunnel stands after the last filter. Order:
 * judge; then accepted, if the origin answered 101 (else nothing: the response is an ordinary
 * one); then data*, end in each direction on its own; stream_end last, exactly once if judge was
 * called. What the client sends between its request and the 101 is held, and is the first data of
 * the tunnel; without a 101 it was never a part of one.
 *
 * With the tunnel the heads give their memory back: views of the request, of fields and of
 * variables that were taken in judge or accepted, or by a filter, do not live on. Asked for again
 * they are all there. What allocate gave, and what was retained, stays.
 *
 * The kernel moves the bytes, with back-pressure, whatever the tunnel looks at. Without interest
 * and without a transport it moves them from socket to socket without a copy.
 */
#ifndef PKERNEL_ABI_TUNNEL_H
#define PKERNEL_ABI_TUNNEL_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_TUNNEL_ID "pk.tunnel/1"
#define PK_TUNNEL_SERVICE_ID "pk.tunnel_service/1"

/* What ran out. */
enum { PK_TUNNEL_IDLE = 0, PK_TUNNEL_LIFE = 1 };

typedef struct pk_tunnel {
    uint32_t size;
    uint32_t state_size;
    const pk_factory* factory;

    /* [control] The protocols that it judges, as in Upgrade, compared without case; asked for as
     * spelt here. At least one. Live as long as the instance. */
    const pk_str* (*protocols)(void* instance, uint32_t* count);

    /* The request head is held here and may be changed, fields of the handshake included. NEXT:
     * ask the origin; DONE after reply: refused; WAIT: later (resumed decides). */
    pk_verdict (*judge)(pk_stream* s);
    /* The origin's 101 is held here; its Upgrade names the protocol that was asked for. NEXT: the
     * client gets it and the tunnel begins; WAIT: later; DONE: a reply or reset. Nothing that the
     * origin sends after a 101 is parsed as a response, and its connection is not reused. */
    pk_verdict (*accepted)(pk_stream* s);

    /* Only in directions with interest. Bytes taken go on; less than all waits until resume, a
     * waker or drained, as in a filter: a parser keeps its state and takes all. What emit sends
     * goes after what was taken so far: a plugin with something to say takes just to the end of a
     * frame, emits, and is offered the rest when that has drained. In a direction without interest
     * the kernel moves the bytes itself and emit answers PK_WRONG_STATE. With transform (in
     * accepted, of either direction) bytes taken are gone, as in a filter. */
    uint64_t (*data)(pk_stream* s, uint32_t direction, const pk_slice_view* data, uint32_t flags);
    /* That side sends no more, and all it sent was taken. NEXT passes the half-close on after what
     * is queued, the other direction goes on; WAIT holds it. After NEXT, or finish, that direction
     * takes no emit. When both are through: stream_end with PK_END_COMPLETE. An abort of a side is
     * no end: it comes as stream_end. Null: NEXT. */
    pk_verdict (*end)(pk_stream* s, uint32_t direction);
    void (*drained)(pk_stream* s, uint32_t direction);       /* as a filter's */
    pk_verdict (*resumed)(pk_stream* s, uint32_t direction); /* as a filter's */

    /* A limit ran out, which is PK_TUNNEL_.... It may emit a goodbye and finish. After 5 s the
     * kernel ends what is left, at once when the hook is null. Called once for each. */
    void (*limit)(pk_stream* s, uint32_t which);
    /* The process goes, in `deadline_ns` from now. Or a reload leaves the tunnel behind, and that
     * is 0: it goes on with its instance for as long as it likes, but its route, its listener or
     * that very instance (its options have changed) is in the config no more, so that a new
     * connection would be served otherwise. A goodbye as above. Once for each; not at other
     * reloads. */
    void (*drain)(pk_stream* s, uint64_t deadline_ns);
    void (*stream_end)(pk_stream* s, uint32_t cause);
} pk_tunnel;

/* As a limit: as it is. */
#define PK_TUNNEL_AS_IS UINT64_MAX

/* Interest in a direction. */
enum { PK_TUNNEL_DATA = 1u };

typedef struct pk_tunnel_service {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Zero at first. Turning it on: in accepted only, else PK_WRONG_STATE, since later
     * bytes would begin at an unknown place of the protocol. Turning it off: at any time from
     * accepted on, for good, with the next byte not yet offered. */
    pk_status (*set_interest)(pk_stream* s, uint32_t direction, uint32_t interest);
    /* [worker] From accepted on, instead of the route's `timeouts.tunnel_idle` and of no limit;
     * 0: none, PK_TUNNEL_AS_IS: no change. Idle counts since the last byte of either direction,
     * life since the 101 went to the client. Starts anew with each call. */
    pk_status (*set_limits)(pk_stream* s, uint64_t idle_ns, uint64_t life_ns);
} pk_tunnel_service;

#ifdef __cplusplus
}
#endif

#endif

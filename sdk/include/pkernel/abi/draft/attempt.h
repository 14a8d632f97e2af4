/* pk.attempt/1-draft: policy of an upstream attempt (upstream or route `attempt`): admission,
 * veto, retry.
 *
 * A draft: its id matches one exact build and is outside the promise; it will be "pk.attempt/1".
 *
 * An attempt is one endpoint chosen; the replay on a fresh connection after a stale pooled one
 * belongs to it. Order for a request: begin; then for each attempt before_send, and finished,
 * preceded by failed when it failed or its status is judged; stream_end last. All [worker], on the
 * stream's handle of this instance; the request's head is no longer held anywhere, so nothing of
 * it can be changed. Of several plugins each is asked in the order of the config: the first begin
 * or before_send that does not let pass wins, and the first failed that does not say
 * PK_ATTEMPT_PASS; finished reaches all whose before_send was called.
 *
 * The kernel overrules a retry when a response head has gone on to the filters, when the body
 * cannot be replayed, when the deadline is over, or, without PK_ATTEMPT_UNSAFE, when the request
 * is not idempotent and any of it was sent: it then does as for PK_ATTEMPT_PASS and counts it. So
 * a POST runs twice only if a config said so. A replay begins at byte 0 of what left the last
 * filter; no filter sees it again. What the client still sends is read on behind it. 1xx that were
 * relayed stay relayed.
 */
#ifndef PKERNEL_ABI_DRAFT_ATTEMPT_H
#define PKERNEL_ABI_DRAFT_ATTEMPT_H

#include "pkernel/abi/balancer.h"
#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_ATTEMPT_ID "pk.attempt/1-draft"

/* How an attempt failed. Append-only; unknown ones are failures. */
enum {
    PK_FAIL_NONE = 0,
    PK_FAIL_REFUSED = 1,     /* connect refused */
    PK_FAIL_UNREACHABLE = 2, /* no route, no file descriptor, no address */
    PK_FAIL_CONNECT_TIMEOUT = 3,
    PK_FAIL_TRANSPORT = 4, /* handshake of the transport: nothing of the request was sent */
    PK_FAIL_SEND_TIMEOUT = 5,
    PK_FAIL_RESET = 6, /* closed or reset before a whole response head */
    PK_FAIL_HEAD_TIMEOUT = 7,
    PK_FAIL_PROTOCOL = 8, /* a head that is no such thing */
    PK_FAIL_BODY = 9,     /* after the head: cut or stalled. Told by finished only */
    PK_FAIL_STATUS = 10,  /* a whole head, with a status that this plugin judges */
    PK_FAIL_CANCELLED =
        11,           /* the client went, or a reply ended the stream. Told by finished only */
    PK_FAIL_VETO = 12 /* an attempt plugin refused the endpoint. Told by finished only */
};

/* How much of the request may have been processed. */
enum { PK_SENT_NOTHING = 0, PK_SENT_PART = 1, PK_SENT_ALL = 2 };

typedef struct pk_attempt_facts {
    uint32_t size;
    uint32_t attempt;    /* 1 for the first */
    uint32_t failure;    /* PK_FAIL_... */
    uint32_t status;     /* of the response head; 0: none came */
    uint32_t sent;       /* PK_SENT_..., by what reached the socket, in doubt the larger */
    uint32_t received;   /* 1: a byte of a response came */
    uint32_t idempotent; /* 1 by the method */
    uint32_t replayable; /* 1: the body, as far as it was read, is kept from byte 0 */
    uint32_t spilled;    /* 1: part of it lies in a file */
    uint32_t reused;     /* 1: on a pooled connection */
    uint64_t body_sent;  /* bytes of the body */
    uint64_t body_kept;
    uint64_t elapsed_ns;   /* of this attempt */
    uint64_t remaining_ns; /* of the request's deadline; UINT64_MAX: none */
    const pk_endpoints* endpoints;
    uint32_t endpoint; /* index into them */
    uint32_t others;   /* endpoints left that are usable and not yet tried */
    uint32_t worker;
    uint32_t reserved;
} pk_attempt_facts;

/* What before_send and failed may set; the kernel's values stand in it at first. */
typedef struct pk_attempt_plan {
    uint32_t size;
    uint32_t flags;      /* PK_ATTEMPT_UNSAFE */
    uint64_t connect_ns; /* limits of the attempt to come; 0: those of the upstream */
    uint64_t head_ns;    /* to the response head, connecting included */
    uint64_t delay_ns;   /* failed: wait so long before the next attempt */
} pk_attempt_plan;

enum { PK_ATTEMPT_UNSAFE = 1u /* the config allows to repeat what may have been processed */ };

/* What before_send and failed answer; unknown ones are PK_ATTEMPT_PASS. */
enum {
    PK_ATTEMPT_PASS = 0, /* before_send: go ahead. failed: no opinion; at last the client gets the
                            failure (502, 504) or the response as it came */
    PK_ATTEMPT_OTHER =
        1, /* take another endpoint (before_send: a veto, costs no try); none left: as GIVE_UP */
    PK_ATTEMPT_SAME = 2, /* failed only: the same endpoint again */
    PK_ATTEMPT_GIVE_UP =
        3 /* no further attempt, whatever other plugins say; the client gets the failure */
};

typedef struct pk_attempt {
    uint32_t size;
    uint32_t state_size;
    const pk_factory* factory;

    /* [control] Optional. Keeps the request's body for replay: so much in memory, beyond it so
     * much in a file (0: none). Over both it is sent on and replayable becomes 0. The largest of
     * all plugins counts. */
    void (*keep)(void* instance, uint64_t* memory, uint64_t* file);
    /* [control] Optional. Which statuses are judged by failed: bit (status - 100) of
     * statuses[0..7]. */
    void (*judges)(void* instance, uint64_t* statuses);

    /* Optional. Admission: NEXT; DONE after reply (circuit open); WAIT until resumed says NEXT (a
     * queue). */
    pk_verdict (*begin)(pk_stream* s);
    pk_verdict (*resumed)(pk_stream* s, uint32_t direction);
    uint32_t (*before_send)(pk_stream* s, const pk_attempt_facts* facts, pk_attempt_plan* plan);
    /* Views of a judged response's fields: stream.h's find with PK_FIELDS_RESPONSE. No filter has
     * seen it. */
    uint32_t (*failed)(pk_stream* s, const pk_attempt_facts* facts, pk_attempt_plan* plan);
    /* Once for every before_send, PK_FAIL_NONE when the whole response came. */
    void (*finished)(pk_stream* s, const pk_attempt_facts* facts);
    void (*stream_end)(pk_stream* s, uint32_t cause);
} pk_attempt;

#ifdef __cplusplus
}
#endif

#endif

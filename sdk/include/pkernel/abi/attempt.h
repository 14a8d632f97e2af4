/* pk.attempt/1: policy of an upstream attempt (upstream or route `attempt`): veto, retry.
 *
 * An attempt is one endpoint chosen; the replay on a fresh connection after a pooled one that had
 * gone stale belongs to it, and so does its next address when one cannot be reached. For each
 * attempt: before_send, then finished, preceded by failed when it failed or its status is judged.
 * All [worker], on the stream's handle of this instance, which only reads (request, fields, find,
 * status, allocate, annotate): the request's head has left the last filter. Of several plugins each
 * is asked in the order of the config: the first before_send that does not let pass wins, and the
 * first failed that does not say PK_ATTEMPT_PASS; finished reaches all whose before_send was
 * called. A route's list stands in the place of its upstream's.
 *
 * The kernel overrules a retry when the request's body cannot be replayed, when the request is not
 * idempotent, any of it was sent and the plan has no PK_ATTEMPT_UNSAFE, when 16 attempts were made,
 * or when the upstream's retry budget is spent and any of the request was sent: it then does as for
 * PK_ATTEMPT_PASS. So a POST runs twice only if a config said so. A replay begins at byte 0 of what
 * left the last filter; no filter sees it again. What the client still sends is read on behind it.
 * 1xx that were relayed stay relayed. Where a response's head has gone on to the filters nothing
 * can be retried, and failed is not called.
 */
#ifndef PKERNEL_ABI_ATTEMPT_H
#define PKERNEL_ABI_ATTEMPT_H

#include "pkernel/abi/balancer.h"
#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_ATTEMPT_ID "pk.attempt/1"

/* How an attempt failed. Append-only; unknown ones are failures. */
enum {
    PK_FAIL_NONE = 0,
    PK_FAIL_REFUSED = 1,     /* connect refused */
    PK_FAIL_UNREACHABLE = 2, /* no route, no address */
    PK_FAIL_CONNECT_TIMEOUT = 3,
    PK_FAIL_TRANSPORT = 4, /* handshake of the transport: nothing of the request was sent */
    PK_FAIL_SEND_TIMEOUT = 5,
    PK_FAIL_RESET = 6, /* closed or reset before a whole response head */
    PK_FAIL_HEAD_TIMEOUT = 7,
    PK_FAIL_PROTOCOL = 8, /* a head that is no such thing */
    PK_FAIL_BODY = 9,     /* after the head: cut or stalled. Told by finished only */
    PK_FAIL_STATUS = 10,  /* a whole head, with a status that this plugin judges */
    PK_FAIL_CANCELLED =
        11,            /* the client went, or a reply ended the stream. Told by finished only */
    PK_FAIL_VETO = 12, /* an attempt plugin refused the endpoint. Told by finished only */
    PK_FAIL_LOCAL = 13 /* no descriptor or memory of the proxy's own to connect with, which says
                          nothing of the endpoint. Told by finished only */
};

/* How much of the request may have been processed. */
enum { PK_SENT_NOTHING = 0, PK_SENT_PART = 1, PK_SENT_ALL = 2 };

/* Typed facts of one attempt; views live until the call returns. */
typedef struct pk_attempt_facts {
    uint32_t size;
    uint32_t attempt;    /* 1 for the first; a veto costs none */
    uint32_t failure;    /* PK_FAIL_... */
    uint32_t status;     /* of the response head; 0: none came */
    uint32_t sent;       /* PK_SENT_..., by what reached the socket, in doubt the larger */
    uint32_t received;   /* 1: a byte of a response came */
    uint32_t idempotent; /* 1 by the method */
    uint32_t replayable; /* 1: the body, as far as it was read, is kept from byte 0 */
    uint32_t reused;     /* 1: on a pooled connection */
    uint32_t worker;
    uint32_t endpoint;   /* index into `endpoints` */
    uint32_t others;     /* endpoints not yet tried that may be asked, or waited for in a queue */
    uint64_t elapsed_ns; /* of this attempt */
    uint64_t total_ns;   /* since the first attempt began */
    const pk_endpoints* endpoints;
} pk_attempt_facts;

/* What before_send and failed may set; zeros stand in it at first. */
typedef struct pk_attempt_plan {
    uint32_t size;
    uint32_t flags;    /* failed: PK_ATTEMPT_UNSAFE */
    uint64_t try_ns;   /* before_send: from now to the response head, connecting included; 0: the
                          timeouts of the upstream alone. The shortest of all plugins counts */
    uint64_t delay_ns; /* failed: wait so long before the next attempt; at most 60 s */
} pk_attempt_plan;

enum { PK_ATTEMPT_UNSAFE = 1u /* the config allows to repeat what may have been processed */ };

/* What before_send and failed answer; unknown ones are PK_ATTEMPT_PASS. */
enum {
    PK_ATTEMPT_PASS = 0,   /* before_send: go ahead. failed: no opinion; at last the client gets the
                              failure (502, 504) or the response as it came */
    PK_ATTEMPT_OTHER = 1,  /* another endpoint (before_send: a veto, costs no try); none left: as
                              PK_ATTEMPT_PASS,  after a veto 503 */
    PK_ATTEMPT_SAME = 2,   /* failed only: the same endpoint again, if it is still usable */
    PK_ATTEMPT_GIVE_UP = 3 /* no further attempt, whatever other plugins say; the client gets the
                              failure, from before_send 503 */
};

typedef struct pk_attempt {
    uint32_t size;
    uint32_t state_size; /* of the handle's state on each stream */
    const pk_factory* factory;

    /* [control] Optional. Bytes of a request's body that the kernel keeps in memory for a replay,
     * at most 128 KiB. A longer body is sent on, and replayable becomes 0, unless spills allows for
     * more. The largest of all plugins counts. */
    uint64_t (*keeps)(void* instance);
    /* [control] Optional. Which statuses are judged by failed: bit (status - 100) % 64 of
     * statuses[(status - 100) / 64], 8 words, zero at first. */
    void (*judges)(void* instance, uint64_t* statuses);

    /* Optional, each. */
    uint32_t (*before_send)(pk_stream* s, const pk_attempt_facts* facts, pk_attempt_plan* plan);
    /* Views of a judged response's fields: stream.h's find with PK_FIELDS_RESPONSE. No filter has
     * seen it. */
    uint32_t (*failed)(pk_stream* s, const pk_attempt_facts* facts, pk_attempt_plan* plan);
    /* Once for every before_send, with PK_FAIL_NONE when the whole response came. */
    void (*finished)(pk_stream* s, const pk_attempt_facts* facts);

    /* [control] Optional. Bytes of a request's body that are kept in all, what is more than keeps
     * in a file of the kernel's; at most the route's limits.spill. The largest of all plugins
     * counts. A host without files keeps what keeps says. */
    uint64_t (*spills)(void* instance);
} pk_attempt;

#ifdef __cplusplus
}
#endif

#endif

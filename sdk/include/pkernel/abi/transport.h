/* pk.transport/1: what turns the bytes of a connection into plaintext and back (listener or
 * upstream `transport`), on accept and on connect.
 *
 * The kernel owns the fd: it makes it, polls it and closes it. The transport reads and writes on
 * it, without blocking, only inside its hooks, and may set socket options; it never closes, polls
 * or changes flags. Order: open, handshake*, then read, write, close_write in any mixture, closed
 * last, exactly once if open said PK_OK. closed may come between any two calls (peer gone,
 * time-out, shutdown), a paused handshake included. All hooks are [worker] and run on the
 * connection's worker. PK_IO_... of read, write and handshake may cross: a read may want to write
 * (key update) and the other way round.
 */
#ifndef PKERNEL_ABI_TRANSPORT_H
#define PKERNEL_ABI_TRANSPORT_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"
#include "pkernel/abi/waker.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_TRANSPORT_ID "pk.transport/1"

/* What an I/O hook answers. */
typedef uint32_t pk_io;
enum {
    PK_IO_DONE = 0,       /* handshake: over; read, write: *n > 0 bytes; close_write: sent */
    PK_IO_WANT_READ = 1,  /* call again when the fd has become readable */
    PK_IO_WANT_WRITE = 2, /* ... writable */
    PK_IO_PAUSED = 3, /* handshake only: call again after resume() or a waker of the connection */
    PK_IO_END = 4,    /* read only: the peer ended its direction, verified where the protocol can */
    PK_IO_FAILED = 5, /* nothing but closed() is called after it; say why with fail() before */
    PK_IO_DRAINED = 6 /* read only: *n > 0 bytes, and the fd has no more: as DONE, then WANT_READ */
};

enum { PK_SIDE_ACCEPT = 0, PK_SIDE_CONNECT = 1 };

/* Directions in which the fd itself now carries plaintext, so that the kernel may write, sendfile
 * or splice on it past the transport. READ only for a transport that never has a byte of its own
 * on the wire. */
enum { PK_PLAIN_WRITE = 1u, PK_PLAIN_READ = 2u };

struct pk_conn;

/* A job away from the worker, as in offload.h, with the connection as its scope. */
typedef struct pk_conn_job {
    uint32_t size;
    uint32_t reserved;
    void* arg;
    void (*run)(void* arg); /* [any] on a pool thread; owned memory only */
    void (*done)(struct pk_conn* c,
                 void* arg); /* [worker] the connection lives; owns arg from here */
    void (*drop)(void* arg); /* [worker] it is gone; owns arg from here */
} pk_conn_job;

typedef struct pk_conn_api {
    uint32_t size;
    uint32_t reserved;

    /* Accept: the protocol ids (ALPN) of the listener's codecs, in its order; connect: those to
     * offer. A codec without one is not in it. Lives as long as the connection. */
    const pk_str* (*protocols)(struct pk_conn* c, uint32_t* count);
    /* During the handshake: what was agreed, one of protocols(), or size 0: the kernel then
     * probes. Copied. PK_INVALID: not in the list. Whether no overlap fails the handshake is the
     * transport's to know. */
    pk_status (*set_protocol)(struct pk_conn* c, pk_str protocol);
    /* Connect: the name that was asked for, without port (to send and to verify). Accept: size 0.
     */
    pk_str (*peer_name)(struct pk_conn* c);
    /* Accept: what identifies the listener for tickets and caches. Connect: the endpoint's
     * address. */
    pk_str (*place)(struct pk_conn* c);
    pk_address (*peer)(struct pk_conn* c);

    /* Ends a PK_IO_PAUSED from a job's done, say. Called in the handshake hook that then pauses,
     * it counts. No effect otherwise. The kernel calls handshake after the callback. */
    void (*resume)(struct pk_conn* c);
    /* The same from any thread, at any time: for waker.h's wake. */
    pk_waker (*make_waker)(struct pk_conn* c);
    /* PK_NO_MEMORY: the queue is full. */
    pk_status (*submit)(struct pk_conn* c, const pk_conn_job* job);

    /* Before PK_IO_FAILED: cause is PK_END_..., text one sentence for log and metrics. Copied. */
    void (*fail)(struct pk_conn* c, uint32_t cause, pk_str text);

    /* A leaf. Inside write: 1 when more bytes or close_write follow in the same turn, so
     * that what is sent may wait for them (MSG_MORE). */
    uint32_t (*more)(struct pk_conn* c);
} pk_conn_api;

typedef struct pk_conn {
    const pk_conn_api* api;
    void* state;    /* the transport's own, state_size bytes, zero at first, aligned to 16 */
    void* instance; /* what create stored */
    int32_t fd;     /* non-blocking; the kernel's */
    uint32_t side;  /* PK_SIDE_... */
} pk_conn;

/* Flags of a transport. */
enum { PK_TRANSPORT_SECURE = 1u /* requests that come through it have the scheme https */ };

typedef struct pk_transport {
    uint32_t size;
    uint32_t state_size; /* of a connection */
    const pk_factory* factory;
    uint32_t flags; /* PK_TRANSPORT_... */
    uint32_t reserved;

    /* The connection begins. Anything but PK_OK closes it; closed is then not called. */
    pk_status (*open)(pk_conn* c);
    /* Until DONE or FAILED. The kernel's handshake limit runs over pauses, too. What the peer
     * should still be told on failure (an alert) the transport writes before it answers FAILED. */
    pk_io (*handshake)(pk_conn* c);
    /* Up to `size` bytes of plaintext into `into`. The kernel goes on calling until WANT or END
     * before it polls the fd, unless its own buffers are full: it then calls again, without
     * polling, when they are not. WANT_READ and DRAINED may be answered after a short read: when
     * the kernel has seen the peer's FIN it calls once more. */
    pk_io (*read)(pk_conn* c, char* into, uint64_t size, uint64_t* n);
    /* Takes *n bytes from the front; WANT may come with *n > 0, too. The next call begins with the
     * first byte that was not taken, perhaps at another place in memory, and with all that was
     * offered before; more may have come behind. DONE with *n < all: call again. What it took is on
     * the fd or lost. */
    pk_io (*write)(pk_conn* c, const pk_slice_view* bytes, uint64_t* n);
    /* Tells the peer that no more will come (close_notify); reading may go on. Once, after all
     * writes. The kernel shuts the fd's direction down right after DONE (its FIN may take the bytes
     * along: MSG_MORE). */
    pk_io (*close_write)(pk_conn* c);
    /* The last call. The kernel closes the fd after it, with a reset where the stream demands one.
     */
    void (*closed)(pk_conn* c);

    /* Optional; asked once, after the handshake; constant from then on. The kernel goes past write
     * only when every byte given to it was taken, and close_write is still called. */
    uint32_t (*plaintext)(pk_conn* c);

    /* Optional leaf: 1 when this connection may carry requests for that host (lower case, no
     * port), as far as the policies differ; 0: the kernel answers 421. Asked for each new
     * authority of a connection. */
    uint32_t (*serves)(pk_conn* c, pk_str host);

    /* [control] Optional. Names of the variables that a connection has ("tls.peer.subject"); live
     * as long as the instance. And, a leaf, the value of the index-th; lives until the callback
     * returns. PK_NOT_FOUND: none. */
    const pk_str* (*variables)(void* instance, uint32_t* count);
    pk_status (*variable)(pk_conn* c, uint32_t index, pk_str* value);

    /* [control] Optional. Once, between create and validate: which side (PK_SIDE_...) this instance
     * is used on. Says why not through host->error. */
    pk_status (*prepare)(void* instance, uint32_t side);
} pk_transport;

#ifdef __cplusplus
}
#endif

#endif

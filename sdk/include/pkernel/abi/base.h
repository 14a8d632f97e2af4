/* Words that every other header of the ABI uses.
 *
 * ABI history (the bump rule: a table grows at its end and raises the minor number; anything that
 * a plugin built yesterday would misread gets a new interface id, and the old id stays served):
 *   1.0  first version.
 *
 * Conventions, true of every function and struct of these headers unless its comment says other:
 *  - [control] is called on the control thread, while no traffic reaches the instance; [worker] on
 *    the thread of the worker that owns the stream; [any] on any thread, at any time.
 *  - A pointer argument is lent for the call. A view returned by the host lives until the callback
 *    in which it was obtained returns, and ends early if the thing viewed is changed.
 *  - Structs that begin with `size` are filled by their maker with sizeof of the version that it
 * was built with; a reader takes what is past that size as absent (zero).
 *  - Strings are bytes with a length, not terminated, and may hold any byte but where said.
 *  - Enumerated values travel as uint32_t, are append-only, and unknown ones are legal.
 */
#ifndef PKERNEL_ABI_BASE_H
#define PKERNEL_ABI_BASE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PKERNEL_ABI_MAJOR 1
#define PKERNEL_ABI_MINOR 0

typedef struct pk_str {
    const char* data; /* may be null when size is 0 */
    uint64_t size;
} pk_str;

/* A pk_str of a literal, as an initialiser. */
#define PK_STR(literal) \
    { literal, sizeof(literal) - 1 }

/* What a fallible call answers. */
typedef uint32_t pk_status;
enum {
    PK_OK = 0,
    PK_INVALID = 1,     /* an argument breaks the contract; nothing was done */
    PK_NO_MEMORY = 2,   /* a named limit was reached; nothing was done */
    PK_UNSUPPORTED = 3, /* this host does not offer that */
    PK_WRONG_STATE = 4, /* legal elsewhere, not here (e.g. a head that was already sent) */
    PK_NOT_FOUND = 5,
    PK_FAILED = 6,
    PK_LATER = 7 /* accepted: the answer comes by the callback, never before this call returned */
};

/* One field (header) line of a message. `name` keeps the sender's spelling; `id` is one of
 * field_ids.h, or PK_FIELD_OTHER, for which names compare without regard to ASCII case. */
typedef struct pk_field {
    pk_str name;
    pk_str value; /* without surrounding white space; no CR, LF or NUL */
    uint32_t id;
    uint32_t flags; /* zero; reserved */
} pk_field;

/* Where an array of structs is handed over, `stride` is the distance between elements in bytes:
 * an element may be larger in a later host. */
typedef struct pk_field_view {
    const pk_field* first;
    uint32_t count;
    uint32_t stride;
} pk_field_view;

/* A run of bytes in a buffer block that the kernel counts references to. Data events carry runs of
 * slices. To keep one past the callback use stream.h's retain; never write through it. */
typedef struct pk_slice {
    const char* data;
    uint64_t size;
    void* block; /* the kernel's; null for bytes that live as long as the process or instance */
} pk_slice;

typedef struct pk_slice_view {
    const pk_slice* first;
    uint32_t count;
    uint32_t stride;
} pk_slice_view;

/* Flags of data events and of emit. */
enum {
    PK_DATA_FLUSH = 1u /* send on at once what was given so far (SSE, gRPC); never withheld */
};

/* What a hook answers. A reply(), respond() or reset() made in the hook wins over whatever it
 * answers. Breaches (an unknown verdict, PK_COLLECT without collect(), PK_DONE without one of the
 * three, more bytes taken than offered) end the stream with PK_END_PLUGIN_ERROR: 500 while that can
 * still be sent, else a reset. */
typedef uint32_t pk_verdict;
enum {
    PK_NEXT = 0, /* go on with the next filter or event */
    /* Hold this direction here until resume() or a waker: then the resumed hook is called and its
     * verdict stands for this one; without that hook it is PK_NEXT. */
    PK_WAIT = 1,
    PK_COLLECT = 2, /* collect() was called: gather the body first, then call the collected hook */
    PK_DONE = 3     /* reply(), respond() or reset() was called: the request ends here */
};

/* The two directions of a stream. */
enum { PK_REQUEST = 0, PK_RESPONSE = 1 };

/* An IP or unix socket address. */
typedef struct pk_address {
    uint32_t family;   /* 0 none, 4, 6, or 1 for a unix socket (bytes are zero then) */
    uint32_t port;     /* host order */
    uint8_t bytes[16]; /* network order; IPv4 uses the first 4 */
    uint32_t prefix;   /* for a CIDR: its length in bits; else 0 */
    uint32_t reserved;
} pk_address;

#ifdef __cplusplus
}
#endif

#endif

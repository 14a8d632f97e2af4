/* pk.coding/1-draft: a content coding (an option of another plugin), encoding and decoding as a
 * stream.
 *
 * A draft: its id matches one exact build and is outside the promise; it will be "pk.coding/1".
 *
 * A leaf: everything answers at once and calls nobody but the clock. The user's plugin has an
 * option of type PK_OPT_PLUGIN; its node's handle is a pk_coding_handle of the kernel's. A coder
 * belongs to one worker and to whoever opened it, who must close it, at the latest in stream_end;
 * the instance outlives it. Limits on the size and ratio of what is decoded are the user's: it
 * sees consumed and produced after each call.
 */
#ifndef PKERNEL_ABI_DRAFT_CODING_H
#define PKERNEL_ABI_DRAFT_CODING_H

#include "pkernel/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_CODING_ID "pk.coding/1-draft"

enum { PK_CODING_ENCODE = 0, PK_CODING_DECODE = 1 };

/* How far to go with this input. */
enum {
    PK_CODING_RUN = 0,   /* output may be withheld */
    PK_CODING_FLUSH = 1, /* all input so far must become readable at the other end */
    PK_CODING_END = 2    /* this is all input there is */
};

/* What one step came to. */
enum {
    PK_CODING_MORE_INPUT = 0,  /* all input was consumed, and all that was to come out did */
    PK_CODING_MORE_OUTPUT = 1, /* the output is full: call again with the rest, same mode */
    PK_CODING_FINISHED = 2,    /* the end was written, or read; input behind it was not consumed */
    PK_CODING_BAD =
        3 /* decode: not that coding, or cut (END before its end). Only close after it */
};

typedef struct pk_coding_step {
    uint32_t size;
    uint32_t mode; /* PK_CODING_RUN, FLUSH, END */
    pk_str input;
    char* output;
    uint64_t output_size; /* >= 64 */
    uint64_t consumed;    /* set by the call */
    uint64_t produced;    /* set by the call */
} pk_coding_step;

/* The user's side. */
typedef struct pk_coding_handle {
    uint32_t size;
    uint32_t reserved;
    pk_str token; /* as in Content-Encoding: "gzip" */
    /* [worker] size_hint: of the whole input, -1 when not known. PK_UNSUPPORTED: not that way;
     * PK_NO_MEMORY. */
    pk_status (*open)(const struct pk_coding_handle* coding, uint32_t way, int64_t size_hint,
                      void** coder);
    uint32_t (*run)(const struct pk_coding_handle* coding, void* coder, pk_coding_step* step);
    void (*close)(const struct pk_coding_handle* coding, void* coder);
} pk_coding_handle;

/* The coding's side; `worker` tells it whose pool of coders to use. All [worker] but token. */
typedef struct pk_coding {
    uint32_t size;
    uint32_t reserved;
    const pk_factory* factory;
    pk_str (*token)(void* instance); /* [control] lives as long as the instance */
    pk_status (*open)(void* instance, uint32_t worker, uint32_t way, int64_t size_hint,
                      void** coder);
    uint32_t (*run)(void* coder, pk_coding_step* step);
    void (*close)(void* instance, uint32_t worker, void* coder);
} pk_coding;

#ifdef __cplusplus
}
#endif

#endif

/* The stream as one filter or handler sees it: what it may ask of, and do to, one request and its response.
 *
 * A pk_stream is the handle of one instance on one stream: `state` is that instance's own memory there,
 * zeroed, of the size it declared, aligned to 16. The handle lives from the first hook until stream_end
 * returns. All functions are [worker] and may be called inside any hook or callback of that handle; none
 * calls a plugin before it returns (reply, reset, resume and emit record, the kernel acts after the hook).
 *
 * Ends: after stream_end no function may be called with the handle. A plugin that holds on to a stream from
 * another thread keeps a waker instead (waker.h), which stays safe for ever.
 */
#ifndef PKERNEL_ABI_STREAM_H
#define PKERNEL_ABI_STREAM_H

#include "pkernel/abi/base.h"
#include "pkernel/abi/field_ids.h"
#include "pkernel/abi/request.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which fields. Those of a response exist once its head has come. */
enum {
    PK_FIELDS_REQUEST = 0,
    PK_FIELDS_REQUEST_TRAILERS = 1,
    PK_FIELDS_RESPONSE = 2,
    PK_FIELDS_RESPONSE_TRAILERS = 3,
    PK_FIELDS_INFORMATIONAL = 4, /* of the 1xx being delivered */
    PK_FIELDS_CLAIMED = 5        /* what the client sent under names that a filter of the route vouches
                                    for; read-only, never forwarded */
};

/* Parts of the request line that set_part may replace, in the request_headers hook only. */
enum {
    PK_PART_METHOD = 0,
    PK_PART_AUTHORITY = 1,
    PK_PART_PATH = 2, /* raw, without query; must begin with '/' */
    PK_PART_QUERY = 3 /* without '?'; size 0 removes it */
};

/* What happens when a collected body is larger than the limit. */
enum {
    PK_OVERFLOW_REJECT = 0, /* 413 for a request, 502 for a response */
    PK_OVERFLOW_SPILL = 1,  /* goes on in a file; PK_UNSUPPORTED on a host without it */
    PK_OVERFLOW_STREAM = 2  /* the hook is called with what there is, the rest passes as data events */
};

/* Why a stream was reset, and how it ended. Append-only. */
enum {
    PK_END_COMPLETE = 0,
    PK_END_CLIENT_ABORT = 1,
    PK_END_ORIGIN_ABORT = 2,
    PK_END_TIMEOUT = 3,
    PK_END_REFUSED = 4, /* answered by the kernel or a filter before the origin was asked */
    PK_END_PLUGIN_ERROR = 5,
    PK_END_SHUTDOWN = 6,
    PK_END_PROTOCOL = 7,
    PK_END_LIMIT = 8
};

struct pk_stream;

typedef struct pk_stream_api {
    uint32_t size;
    uint32_t reserved;

    /* The canonical request. The pointer lives as long as the handle, its views until set_part. */
    const pk_request* (*request)(struct pk_stream* s);

    /* All fields of one kind, in order. Valid until one of that kind is changed. Names are not unique: a rule
     * that matches a value must look at every field of the name (S27). */
    pk_field_view (*fields)(struct pk_stream* s, uint32_t which);

    /* The next field of that name at index >= *index, whose index is then stored; null when there is none.
     * `id` PK_FIELD_OTHER: compare by name. Otherwise `name` is not read. */
    const pk_field* (*find)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                            uint32_t* index);

    /* Changes. Name and value are copied. PK_INVALID: not a token, or a value with a control byte (never
     * cut silently). Framing and connection fields (Content-Length, Transfer-Encoding, Connection, TE,
     * Trailer, Upgrade, Keep-Alive, Proxy-Connection, Host) are the kernel's: PK_INVALID; use set_part,
     * transform. PK_WRONG_STATE: that head was already sent. PK_NO_MEMORY: too many fields. */
    pk_status (*set_field)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name, pk_str value);
    pk_status (*add_field)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name, pk_str value);
    /* Removes every field of the name; answers PK_NOT_FOUND when there was none. */
    pk_status (*remove_field)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name);

    /* Replaces a part of the request line; the value is checked and copied. */
    pk_status (*set_part)(struct pk_stream* s, uint32_t part, pk_str value);

    /* The client's address as this filter vouches for it; all that key or log by client see it. */
    pk_status (*set_client)(struct pk_stream* s, const pk_address* client);

    uint32_t (*status)(struct pk_stream* s); /* of the response; 0 before its head */
    pk_status (*set_status)(struct pk_stream* s, uint32_t status); /* 200..599, in response_headers only */

    /* Answers the request here: status 200..599, fields and body copied, Content-Length added. From a
     * filter the reply goes back through exactly the filters that saw the request headers, this one
     * excepted, in reverse. Return PK_DONE after it. PK_WRONG_STATE once a response head was sent. */
    pk_status (*reply)(struct pk_stream* s, uint32_t status, pk_field_view fields, pk_str body);

    /* Ends the stream visibly incomplete (RST_STREAM, or a cut connection). Return PK_DONE after it. */
    void (*reset)(struct pk_stream* s, uint32_t cause);

    /* Ends a PK_WAIT of that direction from inside another callback of this handle (a timer, say). The kernel
     * goes on after the callback. No effect when nothing waits. */
    void (*resume)(struct pk_stream* s, uint32_t direction);

    /* From a headers hook: this handle replaces the body of that direction. Bytes that its data hook
     * takes are gone, and only what it emits goes on. Content-Length is dropped unless a new one is
     * given (>= 0). Without it the hook is an observer: what it takes goes on untouched. */
    pk_status (*transform)(struct pk_stream* s, uint32_t direction, int64_t content_length);

    /* Sends bytes on in that direction, from a data, end or resumed hook of a transformer, or as a handler's
     * response body. All of it is taken: copied for emit, referenced for emit_slices. At most 256 KiB a
     * callback (PK_NO_MEMORY, nothing taken); hooks are not called while 64 KiB wait to go out. */
    pk_status (*emit)(struct pk_stream* s, uint32_t direction, pk_str bytes, uint32_t flags);
    pk_status (*emit_slices)(struct pk_stream* s, uint32_t direction, pk_slice_view slices,
                             uint32_t flags);
    /* Bytes that wait to go out in that direction after this handle. */
    uint64_t (*queued)(struct pk_stream* s, uint32_t direction);

    /* Keeps a slice of a data event past the callback; counts against the stream's memory (PK_NO_MEMORY)
     * until released, at the latest by the kernel after stream_end. Not for other threads: copy. */
    pk_status (*retain)(struct pk_stream* s, const pk_slice* slice);
    void (*release)(struct pk_stream* s, const pk_slice* slice);

    /* From a headers hook, with PK_COLLECT returned: gathers that direction's body up to `limit` bytes
     * (at most 1 MiB unless the route's limits say more), then calls the collected hook. */
    pk_status (*collect)(struct pk_stream* s, uint32_t direction, uint64_t limit, uint32_t overflow);
    /* What was collected; lives until that direction goes on. *complete: 0 if more will follow. */
    pk_slice_view (*collected)(struct pk_stream* s, uint32_t direction, uint32_t* complete);

    /* Memory that lives until stream_end; null when the stream's limit (64 KiB for all plugins) is spent.
     * `align` is a power of two up to 16. */
    void* (*allocate)(struct pk_stream* s, uint64_t size, uint64_t align);

    /* Adds "key=value" to the stream's record: the access log and explain show it. Copied; up to 16. */
    pk_status (*annotate)(struct pk_stream* s, pk_str key, pk_str value);

    /* A handler's response: its head (fields copied). content_length -1: not known. Then emit, then finish. */
    pk_status (*respond)(struct pk_stream* s, uint32_t status, pk_field_view fields,
                         int64_t content_length);
    /* The end of what this handler or transformer emits; trailers may be empty and are copied. */
    pk_status (*finish)(struct pk_stream* s, uint32_t direction, pk_field_view trailers);

    /* From the request_headers hook: matches the changed request again, at most 3 times a stream. The new
     * route's chain is appended, filters already passed stay. Return PK_NEXT after it. */
    pk_status (*reroute)(struct pk_stream* s);
} pk_stream_api;

typedef struct pk_stream {
    const pk_stream_api* api;
    void* state;    /* the instance's own, per stream */
    void* instance; /* what create stored */
} pk_stream;

#ifdef __cplusplus
}
#endif

#endif

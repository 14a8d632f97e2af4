/* The stream as one filter or handler sees it: what it may ask of, and do to, one request and its
 * response.
 *
 * A pk_stream is the handle of one instance on one stream: `state` is that instance's own memory
 * there, zeroed, of the size it declared, aligned to 16. The handle lives from the first hook until
 * stream_end returns. All functions are [worker] and may be called inside any hook or callback of
 * that handle; none calls a plugin before it returns (reply, reset, resume and emit record, the
 * kernel acts after the hook).
 *
 * Ends: after stream_end no function may be called with the handle; inside it only those that read,
 * and annotate. A plugin that holds on to a stream from another thread keeps a waker instead
 * (waker.h), safe for ever.
 *
 * Place and order, the same for every plugin (docs/decisions/0001-paper-gate.md plays them
 * through):
 *  1. A head is *held here* from the headers hook until the verdict PK_NEXT of it, of the collected
 * or of the resumed hook. Only then may its fields, parts, status, transform and reroute be used,
 * from any callback.
 *  2. A reply passes, in reverse, the filters before its place; they had all let the request head
 * go on. Its maker and the others get stream_end and nothing else. The kernel's own (a limit, 502)
 * has its place where a head is held, the response's before the request's; when none is, after the
 * last filter.
 *  3. A reply is possible until the response head has gone on from this place. What waits to go out
 * after it is dropped, an attempt that runs is cut, and no filter sees another event of the
 * request: the kernel drains what the client still sends, within limits.
 *  4. So when an origin fails after its response head came: if a filter holds that head, those
 * before it see a 502 and the rest only stream_end; if none does, the client sees a response that
 * is cut.
 *  5. A handle that is out (rule 2), or that asked for a reset, may go on to read; what would
 * change the stream answers PK_WRONG_STATE. Its timers, subrequests and jobs may still call back,
 * until stream_end.
 *  6. stream_end is called for all handles of a stream together, in the chain's order, before the
 * logs.
 *  7. Data, FLUSH and the end come in order: the end hook only after every byte before it was
 * taken.
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
    PK_FIELDS_CLAIMED = 5 /* what the client sent under names that a filter of the route vouches
                             for; read-only, never forwarded */
};

/* Parts of the request line that set_part may replace, while the request head is held here. */
enum {
    PK_PART_METHOD = 0,
    PK_PART_AUTHORITY = 1,
    PK_PART_PATH = 2, /* raw, without query; must begin with '/' */
    PK_PART_QUERY = 3 /* without '?'; size 0 removes it */
};

/* What happens when a collected body is larger than the limit. */
enum {
    PK_OVERFLOW_REJECT = 0, /* 413 for a request, 502 for a response */
    PK_OVERFLOW_SPILL = 1, /* goes on in a file: as reject beyond the route's limits.spill, 503 when
                              the disk fails; PK_UNSUPPORTED on a host without it */
    PK_OVERFLOW_STREAM =
        2 /* the hook is called with what there is; the rest comes as data events, to
             this filter's data hook too, after it has let the collected part go on */
};

/* What collected() found. */
enum {
    PK_COLLECTED_PART = 0,   /* over the limit, PK_OVERFLOW_STREAM: more will follow */
    PK_COLLECTED_ALL = 1,    /* the whole body, trailers included */
    PK_COLLECTED_SPILLED = 2 /* the whole body; the slices are its beginning, the rest lies in a
                                file: PK_SUB_COLLECTED forwards it */
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
    PK_END_LIMIT = 8,
    PK_END_UNREACHABLE = 9 /* no connection to the origin came about: nothing was sent */
};

struct pk_stream;

typedef struct pk_stream_api {
    uint32_t size;
    uint32_t reserved;

    /* The canonical request. The pointer lives as long as the handle, its views until set_part, or
     * a tunnel begins (tunnel.h), as do those of fields. */
    const pk_request* (*request)(struct pk_stream* s);

    /* All fields of one kind, in order. Valid until one of that kind is changed. Names are not
     * unique: a rule that matches a value must look at every field of the name (S27). */
    pk_field_view (*fields)(struct pk_stream* s, uint32_t which);

    /* The next field of that name at index >= *index, whose index is then stored; null when there
     * is none. `id` PK_FIELD_OTHER: compare by name. Otherwise `name` is not read. */
    const pk_field* (*find)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                            uint32_t* index);

    /* Changes. Name and value are copied. PK_INVALID: not a token, or a value with a control byte
     * (never cut silently). Framing and connection fields (Content-Length, Transfer-Encoding,
     * Connection, TE, Trailer, Upgrade, Keep-Alive, Proxy-Connection, Host) are the kernel's:
     * PK_INVALID; use set_part, transform. PK_WRONG_STATE: that head is not held here (trailers:
     * the end hook has said PK_NEXT). PK_NO_MEMORY: too many fields. */
    pk_status (*set_field)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                           pk_str value);
    pk_status (*add_field)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                           pk_str value);
    /* Removes every field of the name; answers PK_NOT_FOUND when there was none. */
    pk_status (*remove_field)(struct pk_stream* s, uint32_t which, uint32_t id, pk_str name);

    /* Replaces a part of the request line; the value is checked and copied. */
    pk_status (*set_part)(struct pk_stream* s, uint32_t part, pk_str value);

    /* The client's address as this filter vouches for it; all that key or log by client see it. */
    pk_status (*set_client)(struct pk_stream* s, const pk_address* client);

    uint32_t (*status)(struct pk_stream* s); /* of the response; 0 before its head */
    /* 200..599, while the response head is held here. */
    pk_status (*set_status)(struct pk_stream* s, uint32_t status);

    /* Answers the request here (rules 2 and 3): status 200..599, fields and body copied,
     * Content-Length added where the status has one. Return PK_DONE after it; in a callback without
     * verdict it ends the wait. PK_WRONG_STATE once a response head has gone on from here; a second
     * reply is one too. */
    pk_status (*reply)(struct pk_stream* s, uint32_t status, pk_field_view fields, pk_str body);

    /* Ends the stream visibly incomplete (RST_STREAM, or a cut connection), also after a reply.
     * Return PK_DONE after it. The rest of the callback runs on; stream_end comes when it has
     * returned. With PK_END_PLUGIN_ERROR a plugin says that it has failed: 500 while that can still
     * be sent. */
    void (*reset)(struct pk_stream* s, uint32_t cause);

    /* Ends a PK_WAIT of that direction, or a data hook's having taken less than all. The kernel
     * goes on after the callback: the resumed hook, or for data the data hook again. Called in the
     * very hook that then waits, it counts; when nothing waits it has no effect and is not
     * remembered. */
    void (*resume)(struct pk_stream* s, uint32_t direction);

    /* While the head is held here: this handle replaces the body of that direction. Bytes that its
     * data hook takes, and what it had collected, are gone, and only what it emits goes on, after
     * the head. Without a data hook all is gone. Content-Length is dropped unless a new one is
     * given (>= 0), which must then be met to the byte. Without transform the hook is an observer:
     * what it takes goes on untouched. PK_WRONG_STATE on the head of a tunnel (status 101). */
    pk_status (*transform)(struct pk_stream* s, uint32_t direction, int64_t content_length);

    /* Sends bytes on in that direction, after transform() or respond() and before finish(), from
     * any callback of this handle. All of it is taken: copied for emit, referenced for emit_slices.
     * At most 256 KiB a callback (PK_INVALID: more in one call), and nothing in one that began with
     * 64 KiB waiting to go out (PK_NO_MEMORY, nothing taken): then wait for drained. Data and end
     * hooks of that direction are not called while so much waits. To a response without a body
     * (HEAD, 204, 304) it is dropped. */
    pk_status (*emit)(struct pk_stream* s, uint32_t direction, pk_str bytes, uint32_t flags);
    pk_status (*emit_slices)(struct pk_stream* s, uint32_t direction, pk_slice_view slices,
                             uint32_t flags);
    /* Bytes that wait to go out in that direction after this handle. */
    uint64_t (*queued)(struct pk_stream* s, uint32_t direction);

    /* Keeps the block of a slice of a data event past the callback; counts against the stream's
     * memory (PK_NO_MEMORY: over 128 KiB) until released, at the latest by the kernel after
     * stream_end. Not for other threads: copy. */
    pk_status (*retain)(struct pk_stream* s, const pk_slice* slice);
    void (*release)(struct pk_stream* s, const pk_slice* slice);

    /* From a headers hook, or a resumed hook in its place, with PK_COLLECT returned: holds the head
     * and gathers that direction's body up to `limit` bytes (PK_NO_MEMORY: over 1 MiB and over the
     * route's limits; with PK_OVERFLOW_SPILL the limit is of what stands in memory), then calls the
     * collected hook, also for an empty body. When that lets go, the head, the collected body (not
     * through this filter's data hook) and the end follow; the end hook is called as ever. */
    pk_status (*collect)(struct pk_stream* s, uint32_t direction, uint64_t limit,
                         uint32_t overflow);
    /* What was collected; lives until that direction goes on. *complete is a PK_COLLECTED_... */
    pk_slice_view (*collected)(struct pk_stream* s, uint32_t direction, uint32_t* complete);

    /* Memory that lives until stream_end; null when the stream's limit (64 KiB for all plugins) is
     * spent. `align` is a power of two up to 16. */
    void* (*allocate)(struct pk_stream* s, uint64_t size, uint64_t align);

    /* Adds "key=value" to the stream's record, which logs show. Copied; up to 16. */
    pk_status (*annotate)(struct pk_stream* s, pk_str key, pk_str value);

    /* The head of a streamed response, 200..599, fields copied; content_length -1: not known. Then
     * emit, then finish. From a handler: its request goes on being delivered until finish. From a
     * filter it is a reply (rules 2 and 3) that goes on: return PK_DONE. The first emit may follow
     * in the same callback, more is asked for by drained(PK_RESPONSE). */
    pk_status (*respond)(struct pk_stream* s, uint32_t status, pk_field_view fields,
                         int64_t content_length);
    /* The end of what this handle emits, with these trailers (copied, may be none). A responder
     * must call it. A transformer need not: PK_NEXT from its end hook ends its output with the
     * message's own trailers. If it does, what still arrives is dropped unseen and these trailers
     * stand alone. */
    pk_status (*finish)(struct pk_stream* s, uint32_t direction, pk_field_view trailers);

    /* While the request head is held here and its body is not collected, also late, from a callback
     * during PK_WAIT: matches the changed request again when the head goes on, at most 3 times a
     * stream. Filters already passed stay, the rest of the old chain is dropped, the new route's is
     * appended, without instances that have already seen this request. Return PK_NEXT after it; a
     * reply wins over it. */
    pk_status (*reroute)(struct pk_stream* s);

    /* As emit, for memory of the plugin's own: it is referenced, not copied, and unused(arg) is
     * called on the stream's worker when it is no longer needed, at the latest before the
     * instance's worker_exit, and possibly after stream_end. PK_UNSUPPORTED on a host without it:
     * use emit; unused is then not called. */
    pk_status (*emit_owned)(struct pk_stream* s, uint32_t direction, pk_str bytes, uint32_t flags,
                            void (*unused)(void* arg), void* arg);
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

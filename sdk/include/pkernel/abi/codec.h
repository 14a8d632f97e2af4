/* pk.codec/1: plaintext <-> many streams (listener `codecs`), on accepted connections.
 *
 * The codec frames; messages are neutral. Bodies are never copied by it: incoming ones are handed
 * on as parts of the slices that were received, outgoing ones stay with the kernel until send_body
 * puts them after a frame header. Hooks and functions are [worker], on the connection's worker.
 * Functions record, the kernel acts when the hook has returned, so no hook is called from inside
 * one. Hooks that the kernel calls for streams (respond, available, end, reset, credit) record
 * too: frames are written in `write`, which follows each batch of them.
 *
 * Three endings are different things: reset ends one stream visibly incomplete; drain takes no new
 * streams and lets the others end; close ends the connection after what it has sent. A stream ends
 * when both directions have ended, or at reset of either side. stream_closed is the last hook for
 * it, exactly once, always; between the end of a stream and that, functions for it answer
 * PK_WRONG_STATE and hooks are not called. It may come while the codec still has the last frame of
 * the stream to write (the output is full): what the codec needs for that is not in the stream's
 * state. What still arrives for a stream that is over the codec discards, and credits to itself.
 *
 * Fields, both ways, are those of the message: none of the connection (Connection, Keep-Alive,
 * Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade), Content-Length where the length is
 * known. Those that the codec hands over may have the id PK_FIELD_OTHER, the kernel looks them up;
 * those that it is given have the sender's spelling.
 */
#ifndef PKERNEL_ABI_CODEC_H
#define PKERNEL_ABI_CODEC_H

#include "pkernel/abi/plugin.h"
#include "pkernel/abi/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PK_CODEC_ID "pk.codec/1"

enum {
    PK_PROBE_NOT_MINE = 0,
    PK_PROBE_MINE = 1,
    PK_PROBE_MORE = 2 /* never at 24 bytes or more */
};

enum {
    PK_CODEC_HEAD_MALFORMED = 1u /* by its protocol, and given up: stream() only records it */
};

/* A request's head as decoded; the kernel makes the canonical request of it. Views live for the
 * call. */
typedef struct pk_codec_head {
    uint32_t size;
    uint32_t flags; /* PK_CODEC_HEAD_... */
    pk_str method;
    pk_str scheme;
    pk_str authority; /* already judged against a Host field, which is not among the fields */
    pk_str target;    /* origin form, or "*"; size 0 for a plain CONNECT */
    pk_str upgrade;   /* protocol of an extended CONNECT (RFC 8441), with method "GET" then: every
                         filter sees one   form of an upgrade. Size 0: none */
    pk_field_view
        fields; /* regular ones; cookie crumbs joined, but counted apart against the limit */
    int64_t content_length; /* -1: not announced */
} pk_codec_head;

/* What a head may have. Counted while decoding, before anything is stored. */
typedef struct pk_codec_limits {
    uint32_t size;
    uint32_t fields;      /* count, crumbs each */
    uint64_t head_bytes;  /* names + values + 32 each */
    uint64_t field_bytes; /* one field */
    uint64_t target_bytes;
    uint32_t streams; /* at once */
    uint32_t reserved;
    uint64_t streams_total; /* of a connection; then drain */
    uint64_t stream_window; /* credit of a new stream */
    uint64_t conn_window;   /* credit of a new connection */
} pk_codec_limits;

struct pk_codec_conn;
struct pk_codec_stream;

typedef struct pk_codec_api {
    uint32_t size;
    uint32_t reserved;

    const pk_codec_limits* (*limits)(struct pk_codec_conn* c); /* lives as long as the connection */

    /* A new stream, its head complete. PK_NO_MEMORY: not now, nothing was processed (refuse it so
     * that the peer may repeat it). PK_INVALID: malformed (a field or target that is no such
     * thing): a stream error of the codec's protocol. With either there is no stream. A head that
     * the codec itself finds malformed comes here too, flagged and as far as it was read (any part
     * may be empty): the logs tell of it, and the answer is never PK_OK. */
    pk_status (*stream)(struct pk_codec_conn* c, const pk_codec_head* head,
                        struct pk_codec_stream** s);
    /* A stream whose head the codec had to give up (over a limit): the kernel records it and
     * answers with `status` (431, 400, 405, 414) through respond. `head` may have any part empty.
     */
    pk_status (*reject)(struct pk_codec_conn* c, const pk_codec_head* head, uint32_t status,
                        struct pk_codec_stream** s);

    /* Body bytes of the peer; a part of a slice of received(), referenced, all taken. PK_INVALID:
     * more than the credit allows (a flow-control error of the peer: answer it). PK_WRONG_STATE:
     * the stream is over. */
    pk_status (*body)(struct pk_codec_stream* s, const pk_slice* bytes, uint32_t flags);
    /* The peer ended its direction. Content-Length against what came is the kernel's to judge:
     * reset follows. */
    pk_status (*end)(struct pk_codec_stream* s, pk_field_view trailers);
    /* The peer, or a stream error found by the codec, ended the stream. cause is PK_END_....
     * stream_closed follows; the codec itself sends what its protocol wants for it. */
    void (*abort)(struct pk_codec_stream* s, uint32_t cause);

    /* Output of the connection, copied. PK_NO_MEMORY, nothing taken: 64 KiB wait; go on in the
     * next write. */
    pk_status (*send)(struct pk_codec_conn* c, pk_str bytes);
    /* Moves `n` bytes of the body that waits for this stream behind that output; never refused for
     * what available() announced, if the send of its frame header was taken. PK_INVALID: more than
     * waits. */
    pk_status (*send_body)(struct pk_codec_stream* s, uint64_t n);

    /* Bytes of received() that were not taken are offered again. Not needed before write(). */
    void (*resume)(struct pk_codec_conn* c);
    /* One timer a connection; ns 0 stops it. Calls the timer hook. */
    void (*timer)(struct pk_codec_conn* c, uint64_t ns);
    /* Odd but legal behaviour of the peer, in points against the connection's budget; when that is
     * spent the kernel calls close with PK_END_LIMIT. */
    void (*glitch)(struct pk_codec_conn* c, uint32_t points);
    /* The codec is finished with the connection, or it is broken: streams that are left end with
     * `cause`. Closed after the output has gone. `text`: one sentence for the log. */
    void (*close)(struct pk_codec_conn* c, uint32_t cause, pk_str text);
} pk_codec_api;

typedef struct pk_codec_conn {
    const pk_codec_api* api;
    void* state; /* the codec's own, state_size bytes, zero at first, aligned to 16 */
    void* instance;
} pk_codec_conn;

typedef struct pk_codec_stream {
    const pk_codec_api* api;
    void* state; /* the codec's own, stream_state_size bytes, zero at first, aligned to 16; gone
                    after stream_closed */
    pk_codec_conn* conn;
} pk_codec_stream;

typedef struct pk_codec {
    uint32_t size;
    uint32_t state_size;
    const pk_factory* factory;
    uint32_t stream_state_size;
    uint32_t reserved;

    /* [control] Its ALPN ids, best first; live as long as the instance. */
    const pk_str* (*protocols)(void* instance, uint32_t* count);
    /* [worker] The first bytes of a connection without an agreed protocol. Optional: never chosen
     * by probing. */
    uint32_t (*probe)(void* instance, pk_str first);

    /* Sends the preface. Not PK_OK: the connection is closed, no other hook is called for it. */
    pk_status (*open)(pk_codec_conn* c);
    /* Plaintext; answers bytes taken. Less than all: no more is read until resume(), or is after
     * the next write(). */
    uint64_t (*received)(pk_codec_conn* c, const pk_slice_view* bytes);
    /* The peer sends no more, cleanly. Streams whose request was not complete: abort them. Others
     * go on. */
    void (*received_end)(pk_codec_conn* c);
    /* Frames of everything recorded since, as far as peer and output allow. Called after a batch
     * of hooks and when the output has drained. */
    void (*write)(pk_codec_conn* c);

    /* A response head. 100..199 but 101: informational, any number, before the one final head.
     * 101: the upgrade is granted, both bodies are a tunnel's from now on and their ends are
     * independent half-closes. */
    void (*respond)(pk_codec_stream* s, uint32_t status, pk_field_view fields);
    /* So many bytes of body wait in all, `flags` PK_DATA_FLUSH: do not withhold them. */
    void (*available)(pk_codec_stream* s, uint64_t bytes, uint32_t flags);
    /* No more body after what waits; then these trailers, whose views live for the call. */
    void (*end)(pk_codec_stream* s, pk_field_view trailers);
    /* The kernel ends the stream; cause is PK_END_..., output that waits for it is gone.
     * stream_closed follows. PK_END_COMPLETE: the response is whole, end() was called and the rest
     * of the request is not wanted. */
    void (*reset)(pk_codec_stream* s, uint32_t cause);
    /* The kernel has room for so many more bytes of this stream's request body; of all bodies of
     * the connection. In the end every byte that body() took comes back as conn_credit, that of
     * streams which were reset too. */
    void (*credit)(pk_codec_stream* s, uint64_t bytes);
    void (*conn_credit)(pk_codec_conn* c, uint64_t bytes);
    void (*stream_closed)(pk_codec_stream* s);

    /* Take no new streams, tell the peer; call close() when the last one has ended. Idempotent. */
    void (*drain)(pk_codec_conn* c);
    /* Say goodbye with a reason; the kernel closes after write. All streams have been reset
     * before. */
    void (*close)(pk_codec_conn* c, uint32_t cause);
    void (*timer)(pk_codec_conn* c);
    void (*closed)(pk_codec_conn* c); /* the last call; after stream_closed of every stream */

    /* Of the messages that it carries, as in Via and logs: "2.0". Static. */
    pk_str version;
} pk_codec;

#ifdef __cplusplus
}
#endif

#endif

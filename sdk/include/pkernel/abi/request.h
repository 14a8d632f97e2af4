/* The canonical request: made once by the codec, read by everybody, and what the origin gets is
 * written from it. Fields and trailers are apart (stream.h).
 */
#ifndef PKERNEL_ABI_REQUEST_H
#define PKERNEL_ABI_REQUEST_H

#include "pkernel/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Methods with an id; any other token is PK_METHOD_OTHER and stands in `method` only. */
enum {
    PK_METHOD_OTHER = 0,
    PK_METHOD_GET = 1,
    PK_METHOD_HEAD = 2,
    PK_METHOD_POST = 3,
    PK_METHOD_PUT = 4,
    PK_METHOD_DELETE = 5,
    PK_METHOD_OPTIONS = 6,
    PK_METHOD_PATCH = 7,
    PK_METHOD_TRACE = 8,
    PK_METHOD_CONNECT = 9
};

enum {
    PK_REQUEST_SAFE = 1u,       /* RFC 9110 9.2.1 */
    PK_REQUEST_IDEMPOTENT = 2u, /* RFC 9110 9.2.2 */
    PK_REQUEST_HAS_BODY = 4u,   /* a body is announced; it may still turn out to be empty */
    PK_REQUEST_SECURE = 8u,     /* arrived through a transport that encrypts */
    PK_REQUEST_HTTP10 = 16u,  /* the client speaks HTTP/1.0: it gets no 1xx and no chunked coding */
    PK_REQUEST_UPGRADE = 32u, /* asks to switch protocols; `upgrade` names them */
    PK_REQUEST_EXTENDED_CONNECT =
        64u /* an upgrade in the form of RFC 8441: what HTTP/1.1 has for its handshake alone is
               missing; the tunnel adds what the origin needs, and a 101 becomes a 2xx */
};

/* Second readings of the path (RFC 3986 6.2; behaviour A3). Deny and auth rules must be matched
 * under each reading that its flags make possible. */
enum {
    PK_PATH_ENCODED_SLASH = 1u, /* %2F or %5C */
    PK_PATH_DOT_SEGMENTS = 2u,  /* . or .. segments, plain or encoded; resolved in `path_normal` */
    PK_PATH_BACKSLASH = 4u,
    PK_PATH_DOUBLE_SLASH = 8u,
    PK_PATH_PARAMS = 16u, /* ; in a segment */
    PK_PATH_ESCAPES = 32u /* any %XX */
};

typedef struct pk_request {
    uint32_t size;
    uint32_t method_id;
    uint32_t flags;      /* PK_REQUEST_... */
    uint32_t path_flags; /* PK_PATH_... */
    pk_str method;
    pk_str scheme; /* "http" or "https" */
    pk_str
        authority; /* host[:port] as the client named it; size 0 only from HTTP/1.0 without Host */
    pk_str host;   /* of authority: lower case, no port, no trailing dot, no brackets */
    pk_str path;   /* raw bytes as they will go to the origin, beginning with '/'; or "*" */
    /* Decoded, dot segments resolved, always from '/'; %2F and %25 stay encoded, so that it splits
     * into the same segments as the raw path. */
    pk_str path_normal;
    pk_str query;            /* raw, without '?' */
    pk_str upgrade;          /* value of Upgrade when PK_REQUEST_UPGRADE */
    int64_t content_length;  /* -1 when not announced */
    uint32_t has_query;      /* 1: a '?' was there, even if nothing followed */
    uint32_t authority_port; /* 0: none given */
    pk_address peer;         /* the other end of the client's connection */
    pk_address client;       /* the client as vouched for by a filter; the peer until then */
    pk_address local;        /* our end */
    pk_str id;               /* of this request: 16 lower-case hex digits */
    pk_str route;            /* name of the route; size 0 before there is one */
    pk_str listener;         /* its name */
} pk_request;

#ifdef __cplusplus
}
#endif

#endif

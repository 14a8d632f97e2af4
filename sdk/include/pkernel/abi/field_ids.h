/* Well-known field names, so that neither side compares strings on the hot path.
 *
 * Numbers are append-only and never reused. A name that is not here has PK_FIELD_OTHER; a later
 * kernel may give an id to a name that has none today, so code that looks for a name outside this
 * list must pass the name and PK_FIELD_OTHER to find(), which then compares names whatever their
 * id. PKERNEL_FIELD_LIST(X) calls X(suffix, "lower-case name") in the order of the numbers, from 1.
 */
#ifndef PKERNEL_ABI_FIELD_IDS_H
#define PKERNEL_ABI_FIELD_IDS_H

#define PKERNEL_FIELD_LIST(X)                                 \
    X(HOST, "host")                                           \
    X(CONNECTION, "connection")                               \
    X(CONTENT_LENGTH, "content-length")                       \
    X(TRANSFER_ENCODING, "transfer-encoding")                 \
    X(TE, "te")                                               \
    X(TRAILER, "trailer")                                     \
    X(UPGRADE, "upgrade")                                     \
    X(KEEP_ALIVE, "keep-alive")                               \
    X(PROXY_CONNECTION, "proxy-connection")                   \
    X(EXPECT, "expect")                                       \
    X(VIA, "via")                                             \
    X(FORWARDED, "forwarded")                                 \
    X(X_FORWARDED_FOR, "x-forwarded-for")                     \
    X(X_FORWARDED_PROTO, "x-forwarded-proto")                 \
    X(X_FORWARDED_HOST, "x-forwarded-host")                   \
    X(X_FORWARDED_PORT, "x-forwarded-port")                   \
    X(X_FORWARDED_PREFIX, "x-forwarded-prefix")               \
    X(X_REAL_IP, "x-real-ip")                                 \
    X(X_REQUEST_ID, "x-request-id")                           \
    X(ACCEPT, "accept")                                       \
    X(ACCEPT_ENCODING, "accept-encoding")                     \
    X(ACCEPT_LANGUAGE, "accept-language")                     \
    X(ACCEPT_RANGES, "accept-ranges")                         \
    X(AGE, "age")                                             \
    X(ALLOW, "allow")                                         \
    X(AUTHORIZATION, "authorization")                         \
    X(CACHE_CONTROL, "cache-control")                         \
    X(CONTENT_DISPOSITION, "content-disposition")             \
    X(CONTENT_ENCODING, "content-encoding")                   \
    X(CONTENT_LANGUAGE, "content-language")                   \
    X(CONTENT_LOCATION, "content-location")                   \
    X(CONTENT_RANGE, "content-range")                         \
    X(CONTENT_TYPE, "content-type")                           \
    X(COOKIE, "cookie")                                       \
    X(DATE, "date")                                           \
    X(ETAG, "etag")                                           \
    X(EXPIRES, "expires")                                     \
    X(IF_MATCH, "if-match")                                   \
    X(IF_MODIFIED_SINCE, "if-modified-since")                 \
    X(IF_NONE_MATCH, "if-none-match")                         \
    X(IF_RANGE, "if-range")                                   \
    X(IF_UNMODIFIED_SINCE, "if-unmodified-since")             \
    X(LAST_MODIFIED, "last-modified")                         \
    X(LINK, "link")                                           \
    X(LOCATION, "location")                                   \
    X(ORIGIN, "origin")                                       \
    X(PRAGMA, "pragma")                                       \
    X(PROXY_AUTHENTICATE, "proxy-authenticate")               \
    X(PROXY_AUTHORIZATION, "proxy-authorization")             \
    X(PROXY_STATUS, "proxy-status")                           \
    X(RANGE, "range")                                         \
    X(REFERER, "referer")                                     \
    X(RETRY_AFTER, "retry-after")                             \
    X(SERVER, "server")                                       \
    X(SET_COOKIE, "set-cookie")                               \
    X(STRICT_TRANSPORT_SECURITY, "strict-transport-security") \
    X(USER_AGENT, "user-agent")                               \
    X(VARY, "vary")                                           \
    X(WWW_AUTHENTICATE, "www-authenticate")                   \
    X(X_ACCEL_BUFFERING, "x-accel-buffering")                 \
    X(HTTP2_SETTINGS, "http2-settings")                       \
    X(EARLY_DATA, "early-data")                               \
    X(PRIORITY, "priority")

enum {
    PK_FIELD_OTHER = 0,
#define PKERNEL_FIELD_ENUM(suffix, name) PK_FIELD_##suffix,
    PKERNEL_FIELD_LIST(PKERNEL_FIELD_ENUM)
#undef PKERNEL_FIELD_ENUM
        PK_FIELD_COUNT
};

#endif

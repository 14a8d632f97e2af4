/* A scripted host: as much of the rules of stream.h as one stream's chain needs, on one thread,
 * with a clock that a test turns. It is the second implementation of those rules; where it could
 * not be written from the headers alone, the headers were mended
 * (docs/decisions/0001-paper-gate.md).
 *
 * A worker is a pk_host with the services. An exchange is one stream: filters in a row, then a
 * handler or a scripted origin. A test plays client and origin, calls run(), and looks at what
 * arrived and at `calls`, the list of all hooks in order ("auth.request_headers auth.resumed ...").
 */
#ifndef PKERNEL_TESTS_ABI_HOST_H
#define PKERNEL_TESTS_ABI_HOST_H

#include <stddef.h>

#include "pkernel/abi/clock.h"
#include "pkernel/abi/handler.h"
#include "pkernel/abi/http_filter.h"
#include "pkernel/abi/subrequest.h"
#include "pkernel/abi/timer.h"
#include "pkernel/abi/tunnel.h"
#include "pkernel/abi/waker.h"

#define MARK 65536u          /* hooks are not called over it */
#define CALLBACK_MAX 262144u /* emitted by one callback */

typedef struct bytes {
    char* at;
    size_t size;
    size_t room;
} bytes;
void bytes_add(bytes* b, const char* from, size_t size);
void bytes_drop(bytes* b, size_t n); /* from the front */
void bytes_clear(bytes* b);

enum { WAITS_NOT, WAITS_HEAD, WAITS_COLLECTED, WAITS_DATA, WAITS_END, WAITS_ACCEPTED };

/* What one direction has brought to one place of the chain, and how far that place has let it. */
typedef struct lane {
    int head, head_gone, end, end_gone;
    bytes in;
    uint32_t flush;
    int waits, resumed;
    int collecting; /* 1 gathers, 2 the hook may be called or has been, 3 gone on */
    uint32_t complete, overflow;
    uint64_t limit;
    bytes collected;
    int transform, finished, owes_drained;
    uint32_t interest; /* of a tunnel */
} lane;

struct exchange;
typedef struct place {
    pk_stream handle; /* first */
    struct exchange* of;
    int index;
    const char* name;
    const pk_http_filter* filter;
    const pk_handler* handler;
    const pk_tunnel* tunnel;
    uint32_t interest;
    lane lanes[2];
    int saw, out, responder, woken, responded_now;
    uint64_t life;
} place;

enum { PLACES = 8, FIELDS = 48, TIMERS = 32, SUBS = 16 };

typedef struct fake_timer {
    uint64_t id, due;
    place* of; /* null: the worker's */
    void (*fn)(pk_stream*, void*);
    void (*worker_fn)(void*);
    void* arg;
} fake_timer;

typedef struct fake_sub {
    pk_subrequest what;
    uint64_t id;
    place* of; /* null: detached */
    int paused;
    uint64_t taken;
} fake_sub;

typedef struct worker {
    pk_host host; /* first */
    uint64_t now;
    fake_timer timers[TIMERS];
    fake_sub subs[SUBS];
    uint64_t ids;
    int depth; /* of plugin calls: never above 1 */
} worker;

typedef struct fake_field_list {
    pk_field at[FIELDS];
    uint32_t count;
} fake_field_list;

typedef struct exchange {
    worker* on;
    place places[PLACES];
    int count;
    pk_request request;
    fake_field_list fields[6];
    uint32_t status;
    void** allocations; /* strings and plugin memory */
    size_t allocation_count;

    /* Client side. */
    uint32_t client_status; /* 0: no head yet */
    uint32_t client_1xx;    /* the last that arrived */
    bytes client;           /* body that arrived */
    int client_end;
    /* Origin side. */
    int origin_asked, origin_cut;
    int origin_end;  /* the request's end has reached it */
    int origin_done; /* it has sent its response's end */
    bytes origin;
    /* Sinks take so many bytes more. */
    uint64_t window[2];
    bytes sink[2];
    int sink_end[2];
    fake_field_list trailers_sent[2];

    int request_over, response_came, ended, tunnel;
    uint32_t cause;
    int begun; /* the client sent its head */

    /* What the running callback recorded. */
    place* running;
    int running_direction; /* -1: no hook of a direction */
    uint64_t emitted[2];
    int began_over[2];
    int want_reset;
    uint32_t reset_cause;
    int want_reply;
    place* replier;
    uint32_t reply_status;
    fake_field_list reply_fields;
    bytes reply_body;
    int reply_streams;
    int want_reroute, reroutes;
    place* rerouter;

    /* The chain that a reroute leads to. */
    void (*rerouted)(struct exchange* x);

    char calls[4096];
} exchange;

void worker_start(worker* w);
void worker_exit(worker* w);                 /* detached subrequests end */
void worker_advance(worker* w, uint64_t ns); /* fires timers; run() the exchanges afterwards */

void exchange_start(exchange* x, worker* w, const char* method, const char* path);
void exchange_free(exchange* x); /* ends it as PK_END_SHUTDOWN if it had not ended */
place* add_filter(exchange* x, const char* name, const pk_http_filter* f, void* instance);
place* add_handler(exchange* x, const char* name, const pk_handler* h, void* instance);
place* add_tunnel(exchange* x, const char* name, const pk_tunnel* t, void* instance);

void run(exchange* x); /* until nothing moves */
void client_head(exchange* x);
void client_field(exchange* x, uint32_t id, const char* name, const char* value);
void client_data(exchange* x, const char* data, size_t size, uint32_t flags);
void client_finish(exchange* x);
void client_gone(exchange* x);
void origin_informational(exchange* x, uint32_t status);
void origin_field(exchange* x, uint32_t id, const char* name, const char* value);
void origin_head(exchange* x, uint32_t status);
void origin_data(exchange* x, const char* data, size_t size, uint32_t flags);
void origin_finish(exchange* x);
void origin_fails(exchange* x);
void tunnel_limit(exchange* x, uint32_t which);
void tunnel_drain(exchange* x, uint64_t deadline_ns);
const char* field_of(exchange* x, uint32_t which, const char* name); /* its first value or "" */

/* The subrequest that is open with that target, or null; and its answers. */
fake_sub* sub_of(worker* w, const char* target);
void sub_head(worker* w, fake_sub* sub, uint32_t status, pk_field_view fields);
uint64_t sub_data(worker* w, fake_sub* sub, const char* data);
void sub_end(worker* w, fake_sub* sub, uint32_t cause);

#endif

/* rate_limit with a store (pk.store/1-draft): at once from memory, later from the network, never.
 *
 *   request_headers  store->run(INCR, ttl = window): PK_OK: judge now; PK_LATER: PK_WAIT; else fail
 * open or closed done             judge: reply 429 with Retry-After, or resume
 */
#include "host_inside.h"
#include "pkernel/abi/draft/store.h"
#include "probe.h"

static worker w;
static exchange x;

/* A store of one number, and a kernel thunk before it; answers now, or when the test says. */
static int answers_later;
static int64_t number;
static struct {
    pk_store_op op;
    place* of;
    int open;
} pending;
static pk_status store_run(const pk_store_handle* h, pk_stream* s, const pk_store_op* op,
                           pk_store_result* now, uint64_t* id) {
    (void)h;
    if (op->kind != PK_STORE_INCR || op->key.size > 1024) return PK_UNSUPPORTED;
    if (answers_later) {
        pending.op = *op;
        pending.of = (place*)s;
        pending.open = 1;
        if (id != NULL) *id = 1;
        return PK_LATER;
    }
    number += op->delta;
    now->status = PK_OK;
    now->number = number;
    now->ttl_ns = op->ttl_ns;
    return PK_OK;
}
static void store_cancel(const pk_store_handle* h, uint64_t id) {
    (void)h, (void)id;
    pending.open = 0;
}
static pk_store_handle store = {sizeof(pk_store_handle), 0, store_run, NULL, store_cancel};

static void store_answers(pk_status status) {
    pk_store_result r;
    memset(&r, 0, sizeof r);
    r.size = sizeof r;
    r.status = status;
    r.number = number += pending.op.delta;
    if (!pending.open || x.ended) return; /* the kernel drops it: the stream is over */
    pending.open = 0;
    enter(pending.of, "done", -1);
    pending.op.done(&pending.of->handle, pending.op.arg, &r);
    leave(pending.of);
}

static pk_verdict judge_count(pk_stream* s, const pk_store_result* r) {
    pk_field retry = {{"retry-after", 11}, {"1", 1}, PK_FIELD_RETRY_AFTER, 0};
    pk_field_view fields = {&retry, 1, sizeof retry};
    if (r->status != PK_OK || r->number <= 2) return PK_NEXT; /* fails open */
    s->api->reply(s, 429, fields, str("slow down"));
    return PK_DONE;
}
static void counted(pk_stream* s, void* arg, const pk_store_result* r) {
    (void)arg;
    if (judge_count(s, r) == PK_NEXT) s->api->resume(s, PK_REQUEST);
}
static pk_verdict limit_request(pk_stream* s) {
    pk_store_op op;
    pk_store_result now;
    memset(&op, 0, sizeof op);
    memset(&now, 0, sizeof now);
    op.size = sizeof op;
    op.kind = PK_STORE_INCR;
    op.key = str("client:1");
    op.delta = 1;
    op.ttl_ns = 1000000000;
    op.done = counted;
    now.size = sizeof now;
    switch (store.run(&store, s, &op, &now, NULL)) {
        case PK_OK:
            return judge_count(s, &now);
        case PK_LATER:
            return PK_WAIT;
        default:
            return PK_NEXT;
    }
}
static uint32_t limit_interest(void* i) {
    (void)i;
    return PK_ON_REQUEST_HEADERS;
}
static const pk_http_filter limit = {sizeof(pk_http_filter),
                                     0,
                                     NULL,
                                     limit_interest,
                                     NULL,
                                     limit_request,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL};

static void ask(void) {
    worker_start(&w);
    exchange_start(&x, &w, "GET", "/");
    add_filter(&x, "limit", &limit, NULL);
    client_head(&x);
    client_finish(&x);
}

static void at_once(void) {
    number = 0;
    for (int i = 1; i <= 3; ++i) {
        ask();
        CHECK(x.origin_asked == (i <= 2) && x.client_status == (i <= 2 ? 0u : 429u));
        exchange_free(&x);
    }
}
static void later(void) {
    number = 0;
    answers_later = 1;
    for (int i = 1; i <= 3; ++i) {
        ask();
        CHECK(!x.origin_asked && x.client_status == 0);
        store_answers(PK_OK);
        run(&x);
        CHECK(x.origin_asked == (i <= 2) && x.client_status == (i <= 2 ? 0u : 429u));
        exchange_free(&x);
    }
}
static void never_and_too_late(void) {
    number = 10;
    ask();
    store_answers(PK_FAILED); /* its timeout: open by choice of this plugin */
    run(&x);
    CHECK(x.origin_asked);
    exchange_free(&x);
    ask();
    client_gone(&x);
    store_answers(PK_OK);
    CHECK(x.cause == PK_END_CLIENT_ABORT && x.client_status == 0);
    exchange_free(&x);
}

int main(void) {
    at_once();
    later();
    never_and_too_late();
    return check_failures();
}

/* Handlers: an echo whose request goes on after respond, a producer that fills the pipe by drained,
 * an early answer. */
#include "probe.h"

static worker w;
static exchange x;
static char big[100 * 1024];
static const pk_waker_service* wakers;

static void start(const pk_handler* h) {
    worker_start(&w);
    wakers = (const pk_waker_service*)w.host.get(&w.host, str(PK_WAKER_ID));
    exchange_start(&x, &w, "POST", "/");
    add_handler(&x, "h", h, NULL);
    client_head(&x);
    run(&x);
}

static pk_verdict echo_request(pk_stream* s) {
    CHECK(s->api->respond(s, 200, no_fields, -1) == PK_OK);
    CHECK(s->api->respond(s, 200, no_fields, -1) == PK_WRONG_STATE);
    CHECK(s->api->emit(s, PK_RESPONSE, str(">"), 0) == PK_OK); /* in the same callback */
    return PK_WAIT;
}
static uint64_t echo_data(pk_stream* s, const pk_slice_view* v, uint32_t flags) {
    return s->api->emit_slices(s, PK_RESPONSE, *v, flags) == PK_OK ? view_size(v) : 0;
}
static pk_verdict echo_end(pk_stream* s) {
    CHECK(s->api->finish(s, PK_RESPONSE, no_fields) == PK_OK);
    return PK_DONE;
}
static void nothing(pk_stream* s) {
    (void)s;
}
static void echo_drained(pk_stream* s) {
    s->api->resume(s, PK_REQUEST);
}
static const pk_handler echo = {sizeof(pk_handler), 0,    NULL,         echo_request, echo_data,
                                echo_end,           NULL, echo_drained, nothing,      NULL};

static uint64_t left;
static void produce(pk_stream* s) {
    pk_str part = {big, left < sizeof big ? left : sizeof big};
    if (left == 0) {
        s->api->finish(s, PK_RESPONSE, no_fields);
        return;
    }
    if (s->api->emit(s, PK_RESPONSE, part, 0) == PK_OK) left -= part.size;
}
static pk_verdict producer_request(pk_stream* s) {
    s->api->respond(s, 200, no_fields, (int64_t)left);
    return PK_WAIT;
}
static const pk_handler producer = {
    sizeof(pk_handler), 0, NULL, producer_request, NULL, NULL, NULL, produce, nothing, NULL};

static pk_verdict early_request(pk_stream* s) {
    reply_with(s, 404, "no");
    return PK_DONE;
}
static const pk_handler early = {sizeof(pk_handler), 0,    NULL,    early_request, echo_data,
                                 echo_end,           NULL, nothing, nothing,       NULL};

/* A handler fed from another thread: it has nothing to emit in drained, and is woken later. */
static pk_waker slow_waker;
static pk_verdict slow_request(pk_stream* s) {
    slow_waker = wakers->make(s);
    s->api->respond(s, 200, no_fields, -1);
    return PK_WAIT;
}
static int slow_wakes;
static void slow_resumed(pk_stream* s) {
    if (++slow_wakes == 1)
        CHECK(s->api->emit(s, PK_RESPONSE, str("event"), PK_DATA_FLUSH) == PK_OK);
    else
        s->api->finish(s, PK_RESPONSE, no_fields);
}
static const pk_handler slow = {
    sizeof(pk_handler), 0, NULL, slow_request, NULL, NULL, NULL, nothing, slow_resumed, NULL};

int main(void) {
    start(&echo);
    client_data(&x, "abc", 3, 0);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, ">abc");
    client_finish(&x);
    CHECK(x.client_end && x.cause == PK_END_COMPLETE);
    exchange_free(&x);

    start(&echo); /* against a client that does not read: the request waits, nothing piles up */
    x.window[PK_RESPONSE] = 0;
    for (int i = 0; i < 3; ++i) {
        client_data(&x, big, sizeof big, 0);
        run(&x);
    }
    CHECK(x.sink[PK_RESPONSE].size < MARK + CALLBACK_MAX);
    client_finish(&x);
    CHECK(!x.client_end);
    x.window[PK_RESPONSE] = UINT64_MAX;
    run(&x);
    CHECK(x.client.size == 3 * sizeof big + 1 && x.client_end);
    exchange_free(&x);

    left = 1000000;
    start(&producer);
    CHECK(left == 0 && x.client.size == 1000000 && x.client_end);
    exchange_free(&x);

    start(&early); /* after a reply come no data and no end */
    CHECK(x.client_status == 404 && x.ended == 2);
    client_data(&x, "abc", 3, 0);
    client_finish(&x);
    CHECK(strstr(x.calls, "h.data") == NULL && strstr(x.calls, "h.end") == NULL);
    exchange_free(&x);

    start(&slow);
    CHECK(x.client_status == 200 && x.client.size == 0 && !x.ended);
    wakers->wake(&w.host, slow_waker);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "event");
    wakers->wake(&w.host, slow_waker);
    run(&x);
    CHECK(x.client_end && x.ended == 2);
    wakers->wake(&w.host, slow_waker);
    exchange_free(&x);
    CHECK(slow_wakes == 2);
    return check_failures();
}

/* Replies, resets and failures: whom they pass, what they drop, when stream_end comes. */
#include "probe.h"

static worker w;
static exchange x;

static probe observer = {255, NULL, NULL};

static void start(void) {
    worker_start(&w);
    exchange_start(&x, &w, "POST", "/");
}
static void finish(void) {
    exchange_free(&x);
}

/* A reply from a data hook, when later filters have long seen the head. */
static uint64_t refuse_data(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    (void)f;
    if (d == PK_RESPONSE) return view_size(v);
    CHECK(reply_with(s, 413, "too much") == PK_OK);
    CHECK(reply_with(s, 500, "again") == PK_WRONG_STATE); /* the second one */
    return 12345;                                         /* not read after a reply */
}
static void reply_passes_those_before_only(void) {
    probe max_body = {255, NULL, refuse_data}, later = {255, NULL, NULL};
    start();
    add_filter(&x, "log", &probe_filter, &observer);
    add_filter(&x, "max", &probe_filter, &max_body);
    add_filter(&x, "later", &probe_filter, &later);
    client_head(&x);
    run(&x);
    CHECK(x.origin_asked);
    client_data(&x, "abc", 3, 0);
    run(&x);
    CHECK_TEXT(x.calls, strlen(x.calls),
               "log.request_headers max.request_headers later.request_headers log.data max.data "
               "log.response_headers log.data log.response_end "
               "log.stream_end max.stream_end later.stream_end");
    CHECK(x.client_status == 413 && x.origin_cut && x.origin.size == 0);
    CHECK_TEXT(x.client.at, x.client.size, "too much");
    finish();
}

/* A transformer has emitted, the origin does not read, then it replies: what is queued is dropped.
 */
static pk_verdict reply_late(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_REQUEST_HEADERS) s->api->transform(s, PK_REQUEST, -1);
    if (at == AT_REQUEST_END) {
        CHECK(s->api->queued(s, PK_REQUEST) == 3);
        CHECK(reply_with(s, 400, "no") == PK_OK);
        CHECK(s->api->emit(s, PK_REQUEST, str("z"), 0) == PK_WRONG_STATE);
    }
    return PK_NEXT; /* the recorded reply wins over the verdict */
}
static uint64_t emit_all(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    CHECK(s->api->emit_slices(s, d, *v, f) == PK_OK);
    return view_size(v);
}
static void reply_while_data_is_queued(void) {
    probe rewriter = {PK_ON_REQUEST_HEADERS | PK_ON_REQUEST_DATA | PK_ON_REQUEST_END, reply_late,
                      emit_all};
    start();
    add_filter(&x, "t", &probe_filter, &rewriter);
    x.window[PK_REQUEST] = 0;
    client_head(&x);
    client_data(&x, "abc", 3, 0);
    client_finish(&x);
    CHECK(x.client_status == 400 && x.origin_cut && x.origin.size == 0);
    CHECK_TEXT(x.client.at, x.client.size, "no");
    finish();
}

/* A reset inside a hook: the callback runs on, nothing else is heard, stream_end comes after it. */
static int in_hook, ended_inside;
static pk_verdict reset_in_hook(pk_stream* s, int at, uint32_t d) {
    if (at == AT_STREAM_END) {
        ended_inside = in_hook;
        CHECK(d == PK_END_PROTOCOL);
        return PK_NEXT;
    }
    if (at != AT_RESPONSE_HEADERS) return PK_NEXT;
    in_hook = 1;
    s->api->reset(s, PK_END_PROTOCOL);
    s->api->reset(s, PK_END_LIMIT); /* the first counts */
    CHECK(reply_with(s, 200, "") == PK_WRONG_STATE);
    in_hook = 0;
    return PK_NEXT;
}
static void reset_inside_a_callback(void) {
    probe resets = {255, reset_in_hook, NULL};
    start();
    add_filter(&x, "a", &probe_filter, &observer);
    add_filter(&x, "b", &probe_filter, &resets);
    client_head(&x);
    client_finish(&x);
    origin_head(&x, 200);
    run(&x);
    CHECK_TEXT(x.calls, strlen(x.calls),
               "a.request_headers b.request_headers a.request_end b.request_end "
               "b.response_headers a.stream_end b.stream_end");
    CHECK(!ended_inside && x.client_status == 0 && x.ended == 2);
    finish();
}

/* The origin dies while a filter holds its head: those before see a 502; when none holds it, a cut.
 */
static pk_verdict hold_response(pk_stream* s, int at, uint32_t d) {
    (void)s, (void)d;
    return at == AT_RESPONSE_HEADERS ? PK_WAIT : PK_NEXT;
}
static void origin_fails_while_its_head_is_held(void) {
    probe holder = {255, hold_response, NULL};
    start();
    add_filter(&x, "a", &probe_filter, &observer);
    add_filter(&x, "b", &probe_filter, &holder);
    client_head(&x);
    client_finish(&x);
    origin_head(&x, 200);
    run(&x);
    origin_fails(&x);
    run(&x);
    CHECK(x.client_status == 502);
    CHECK(strstr(x.calls, "b.response_headers a.response_headers a.response_end a.stream_end"));
    finish();

    start();
    add_filter(&x, "a", &probe_filter, &observer);
    client_head(&x);
    client_finish(&x);
    origin_head(&x, 200);
    origin_data(&x, "half", 4, 0);
    run(&x);
    origin_fails(&x);
    CHECK(x.client_status == 200 && !x.client_end && x.cause == PK_END_ORIGIN_ABORT);
    finish();
}

/* A reply from a response hook replaces the origin's, for those nearer to the client. */
static pk_verdict replace_response(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_RESPONSE_HEADERS) CHECK(reply_with(s, 404, "page") == PK_OK);
    if (at == AT_RESPONSE_END || at == AT_DRAINED) CHECK(0);
    return at == AT_RESPONSE_HEADERS ? PK_DONE : PK_NEXT;
}
static pk_verdict too_late(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_RESPONSE_END) CHECK(reply_with(s, 500, "") == PK_WRONG_STATE);
    return PK_NEXT;
}
static void reply_in_place_of_the_response(void) {
    probe pages = {255, replace_response, NULL}, late = {255, too_late, NULL};
    start();
    add_filter(&x, "late", &probe_filter, &late);
    add_filter(&x, "pages", &probe_filter, &pages);
    client_head(&x);
    client_finish(&x);
    origin_field(&x, PK_FIELD_SERVER, "server", "old");
    origin_head(&x, 500);
    origin_data(&x, "trace", 5, 0);
    origin_finish(&x);
    CHECK(x.client_status == 404 && field_of(&x, PK_FIELDS_RESPONSE, "server")[0] == '\0');
    CHECK_TEXT(x.client.at, x.client.size, "page");
    finish();
}

/* Breaches: PK_COLLECT without collect, PK_DONE without a reply, an unknown verdict. */
static pk_verdict broken_verdict;
static pk_verdict breach_contract(pk_stream* s, int at, uint32_t d) {
    (void)s, (void)d;
    return at == AT_REQUEST_HEADERS ? broken_verdict : PK_NEXT;
}
static void breaches_end_in_500(void) {
    static const pk_verdict bad[] = {PK_COLLECT, PK_DONE, 77};
    for (size_t i = 0; i < 3; ++i) {
        probe broken = {255, breach_contract, NULL};
        broken_verdict = bad[i];
        start();
        add_filter(&x, "a", &probe_filter, &observer);
        add_filter(&x, "b", &probe_filter, &broken);
        client_head(&x);
        run(&x);
        CHECK(x.client_status == 500 && !x.origin_asked);
        finish();
    }
}

/* After a reply by another, a filter's timer still comes, may read, and can change nothing. */
static int timer_came;
static void on_timer(pk_stream* s, void* arg) {
    (void)arg;
    ++timer_came;
    CHECK(s->api->request(s)->path.size == 1);
    CHECK(reply_with(s, 200, "") == PK_WRONG_STATE);
    CHECK(s->api->set_field(s, PK_FIELDS_REQUEST, 0, str("x"), str("y")) == PK_WRONG_STATE);
    s->api->resume(s, PK_REQUEST); /* late: nothing waits */
}
static pk_verdict with_timer(pk_stream* s, int at, uint32_t d) {
    (void)d;
    const pk_timer_service* timers = (const pk_timer_service*)w.host.get(&w.host, str(PK_TIMER_ID));
    if (at == AT_REQUEST_HEADERS) timers->start(s, 100, on_timer, NULL, NULL);
    return PK_NEXT;
}
static void callbacks_of_a_filter_that_is_out(void) {
    probe max_body = {255, NULL, refuse_data}, timed = {255, with_timer, NULL};
    start();
    add_filter(&x, "max", &probe_filter, &max_body);
    add_filter(&x, "timed", &probe_filter, &timed);
    x.window[PK_RESPONSE] = 0; /* the client does not read the 413 yet */
    client_head(&x);
    run(&x);
    client_data(&x, "abc", 3, 0);
    run(&x);
    worker_advance(&w, 200);
    CHECK(timer_came == 1 && !x.ended);
    x.window[PK_RESPONSE] = 100;
    run(&x);
    worker_advance(&w, 200);
    CHECK(timer_came == 1 && x.ended == 2 && x.client_status == 413);
    finish();
}

int main(void) {
    reply_passes_those_before_only();
    reply_while_data_is_queued();
    reset_inside_a_callback();
    origin_fails_while_its_head_is_held();
    reply_in_place_of_the_response();
    breaches_end_in_500();
    callbacks_of_a_filter_that_is_out();
    return check_failures();
}

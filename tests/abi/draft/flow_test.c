/* Data in order: ends after data, marks, collected bodies, trailers. */
#include <stdlib.h>

#include "probe.h"

static worker w;
static exchange x;
static char big[400 * 1024];

static void start(const char* method) {
    worker_start(&w);
    exchange_start(&x, &w, method, "/");
}
static void finish(void) {
    exchange_free(&x);
}

/* END and FLUSH wait for the data before them. */
static uint64_t take_max;
static int flushes;
static uint64_t take_some(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    (void)s, (void)d;
    uint64_t n = view_size(v) < take_max ? view_size(v) : take_max;
    if (f & PK_DATA_FLUSH) ++flushes;
    return n;
}
static pk_stream* kept;
static pk_verdict keep_handle(pk_stream* s, int at, uint32_t d) {
    (void)at, (void)d;
    kept = s;
    return PK_NEXT;
}
static void resume_outside(pk_stream* s, uint32_t d) { /* as from a timer */
    s->api->resume(s, d);
    run(&x);
}
static void end_comes_after_the_data_is_taken(void) {
    probe slow = {255, keep_handle, take_some};
    start("POST");
    add_filter(&x, "slow", &probe_filter, &slow);
    client_head(&x);
    client_data(&x, "abcdef", 6, PK_DATA_FLUSH);
    take_max = 4;
    client_finish(&x);
    CHECK(x.origin.size == 4 && !x.origin_end); /* an observer's taken bytes go on */
    CHECK(strstr(x.calls, "request_end") == NULL);
    take_max = 0;
    resume_outside(kept, PK_REQUEST);
    CHECK(x.origin.size == 4);
    take_max = 100;
    resume_outside(kept, PK_REQUEST);
    CHECK(x.origin.size == 6 && x.origin_end && flushes == 3); /* it belongs to the last byte */
    resume_outside(kept, PK_REQUEST);                          /* late: nothing waits */
    CHECK_TEXT(x.calls, strlen(x.calls),
               "slow.request_headers slow.data slow.data slow.data "
               "slow.request_end");
    finish();
}

/* Emit from a timer while over the mark is refused; drained asks for it, once. */
static int drains;
static pk_status timer_emit;
static void emit_from_timer(pk_stream* s, void* arg) {
    (void)arg;
    pk_str chunk = {big, 1000};
    timer_emit = s->api->emit(s, PK_RESPONSE, chunk, 0);
}
static pk_verdict emits_much(pk_stream* s, int at, uint32_t d) {
    (void)d;
    pk_str full = {big, CALLBACK_MAX}, over = {big, CALLBACK_MAX + 1}, one = {big, 1};
    const pk_timer_service* timers = (const pk_timer_service*)w.host.get(&w.host, str(PK_TIMER_ID));
    if (at == AT_RESPONSE_HEADERS) {
        CHECK(s->api->emit(s, PK_RESPONSE, one, 0) == PK_WRONG_STATE); /* not a transformer yet */
        CHECK(s->api->transform(s, PK_RESPONSE, -1) == PK_OK);
        CHECK(s->api->emit(s, PK_RESPONSE, over, 0) == PK_NO_MEMORY);
        CHECK(s->api->emit(s, PK_RESPONSE, full, 0) == PK_OK);
        CHECK(s->api->emit(s, PK_RESPONSE, one, 0) == PK_NO_MEMORY);
        timers->start(s, 10, emit_from_timer, NULL, NULL);
    }
    if (at == AT_DRAINED) {
        ++drains;
        CHECK(s->api->queued(s, PK_RESPONSE) < MARK);
    }
    return PK_NEXT;
}
static uint64_t take_all_silently(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    (void)s, (void)d, (void)f;
    return view_size(v);
}
static void emit_while_over_the_mark(void) {
    probe much = {255, emits_much, take_all_silently};
    start("GET");
    add_filter(&x, "much", &probe_filter, &much);
    client_head(&x);
    client_finish(&x);
    x.window[PK_RESPONSE] = 1000;
    origin_head(&x, 200);
    origin_data(&x, "x", 1, 0);
    run(&x);
    CHECK(strstr(x.calls, "data") == NULL); /* its hook is not called over the mark */
    worker_advance(&w, 20);
    CHECK(timer_emit == PK_NO_MEMORY && drains == 0);
    x.window[PK_RESPONSE] = CALLBACK_MAX;
    run(&x);
    CHECK(drains == 1 && x.client.size == CALLBACK_MAX); /* one, for both callbacks */
    CHECK(strstr(x.calls, "much.data") != NULL);
    finish();
}

/* More to say at the end than one callback may: WAIT in the end hook, go on in drained, resume. */
static uint64_t left;
static pk_verdict flush_more(pk_stream* s) {
    while (left != 0) {
        pk_str part = {big, left < 65536 ? left : 65536};
        if (s->api->emit(s, PK_RESPONSE, part, 0) != PK_OK) return PK_WAIT;
        left -= part.size;
    }
    return PK_NEXT;
}
static pk_verdict long_end(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_RESPONSE_HEADERS) s->api->transform(s, PK_RESPONSE, -1);
    if (at == AT_RESPONSE_END || (at == AT_RESUMED && left == 0)) return flush_more(s);
    if (at == AT_DRAINED && left != 0 && flush_more(s) == PK_NEXT) s->api->resume(s, PK_RESPONSE);
    return at == AT_RESUMED ? PK_WAIT : PK_NEXT;
}
static void end_with_more_than_a_callback_may_emit(void) {
    probe ender = {255, long_end, take_all_silently};
    left = 3 * CALLBACK_MAX + 17;
    start("GET");
    add_filter(&x, "e", &probe_filter, &ender);
    client_head(&x);
    client_finish(&x);
    origin_head(&x, 200);
    origin_finish(&x);
    CHECK(left == 0 && x.client.size == 3 * CALLBACK_MAX + 17 && x.client_end);
    finish();
}

/* Trailers: a transformer's end passes the message's own; with finish only those given. */
static int finishes;
static pk_verdict trailers_act(pk_stream* s, int at, uint32_t d) {
    (void)d;
    pk_field sum = {{"sum", 3}, {"9", 1}, PK_FIELD_OTHER, 0};
    pk_field_view one = {&sum, 1, sizeof sum};
    if (at == AT_RESPONSE_HEADERS) s->api->transform(s, PK_RESPONSE, -1);
    if (at == AT_RESPONSE_END) {
        s->api->emit(s, PK_RESPONSE, str("tail"), 0);
        if (finishes) {
            CHECK(s->api->finish(s, PK_RESPONSE, one) == PK_OK);
            CHECK(s->api->finish(s, PK_RESPONSE, one) == PK_WRONG_STATE);
            CHECK(s->api->emit(s, PK_RESPONSE, str("x"), 0) == PK_WRONG_STATE);
        } else {
            CHECK(s->api->add_field(s, PK_FIELDS_RESPONSE_TRAILERS, 0, sum.name, sum.value) ==
                  PK_OK);
        }
    }
    return PK_NEXT;
}
static uint64_t emit_trailers(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    if (d == PK_RESPONSE) s->api->emit_slices(s, d, *v, f);
    return view_size(v);
}
static void trailers_after_transform(void) {
    for (finishes = 0; finishes < 2; ++finishes) {
        probe t = {255, trailers_act, emit_trailers};
        start("GET");
        add_filter(&x, "t", &probe_filter, &t);
        client_head(&x);
        client_finish(&x);
        origin_head(&x, 200);
        origin_data(&x, "body", 4, 0);
        pk_field own = {{"grpc-status", 11}, {"0", 1}, PK_FIELD_OTHER, 0};
        x.fields[PK_FIELDS_RESPONSE_TRAILERS].at[0] = own;
        x.fields[PK_FIELDS_RESPONSE_TRAILERS].count = 1;
        origin_finish(&x);
        CHECK_TEXT(x.client.at, x.client.size, "bodytail");
        CHECK(x.client_end && x.trailers_sent[PK_RESPONSE].count == (finishes ? 1u : 2u));
        CHECK(same(x.trailers_sent[PK_RESPONSE].at[0].name, finishes ? "sum" : "grpc-status"));
        finish();
    }
}

/* A collected body: over the limit streaming on, rejecting, spilling. */
static uint32_t overflow, complete_seen;
static uint64_t collected_seen, data_seen;
static pk_verdict collects(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_REQUEST_HEADERS) {
        CHECK(s->api->collect(s, PK_REQUEST, 4, overflow) == PK_OK);
        return PK_COLLECT;
    }
    if (at == AT_REQUEST_COLLECTED) {
        pk_slice_view v = s->api->collected(s, PK_REQUEST, &complete_seen);
        collected_seen = view_size(&v);
        CHECK(s->api->set_field(s, PK_FIELDS_REQUEST, 0, str("x-size"), str("4")) == PK_OK);
        CHECK(s->api->reroute(s) == PK_WRONG_STATE); /* data has been read */
    }
    return PK_NEXT;
}
static uint64_t count_data(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    (void)s, (void)f;
    if (d == PK_REQUEST) data_seen += view_size(v);
    return view_size(v);
}
static void collect_of(const char* body, uint32_t policy) {
    static probe c = {255, collects, count_data};
    overflow = policy;
    complete_seen = 9;
    collected_seen = data_seen = 0;
    start("POST");
    add_filter(&x, "c", &probe_filter, &c);
    client_head(&x);
    client_data(&x, body, strlen(body), 0);
    run(&x);
    client_finish(&x);
}
static void collected_bodies(void) {
    collect_of("abcdef", PK_OVERFLOW_STREAM);
    CHECK(complete_seen == PK_COLLECTED_PART && collected_seen == 4 && data_seen == 2);
    CHECK_TEXT(x.origin.at, x.origin.size, "abcdef");
    CHECK(x.origin_end && strstr(x.calls, "c.collected c.data c.request_end") != NULL);
    finish();
    collect_of("abcdef", PK_OVERFLOW_REJECT);
    CHECK(x.client_status == 413 && complete_seen == 9 && !x.origin_asked);
    finish();
    collect_of("abcdef", PK_OVERFLOW_SPILL);
    CHECK(complete_seen == PK_COLLECTED_SPILLED && collected_seen == 4 && data_seen == 0);
    CHECK_TEXT(x.origin.at, x.origin.size, "abcdef");
    finish();
    collect_of("abcd", PK_OVERFLOW_REJECT); /* at the limit; and not through its data hook */
    CHECK(complete_seen == PK_COLLECTED_ALL && collected_seen == 4 && data_seen == 0);
    CHECK(x.origin_end && strstr(x.calls, "c.collected c.request_end") != NULL);
    finish();
    collect_of("", PK_OVERFLOW_REJECT); /* an empty body is collected, too */
    CHECK(complete_seen == PK_COLLECTED_ALL && collected_seen == 0 && x.origin_end);
    finish();
}

/* Collect, decide late to rewrite: transform in the collected hook; the collected bytes are gone.
 */
static pk_verdict rewrites(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_REQUEST_HEADERS) {
        s->api->collect(s, PK_REQUEST, 100, PK_OVERFLOW_REJECT);
        return PK_COLLECT;
    }
    if (at == AT_REQUEST_COLLECTED) {
        CHECK(s->api->transform(s, PK_REQUEST, 3) == PK_OK);
        CHECK(s->api->emit(s, PK_REQUEST, str("new"), 0) == PK_OK);
    }
    if (at == AT_REQUEST_END) CHECK(s->api->transform(s, PK_REQUEST, 3) == PK_WRONG_STATE);
    return PK_NEXT;
}
static void rewrite_of_a_collected_body(void) {
    probe r = {255, rewrites, NULL};
    start("POST");
    add_filter(&x, "r", &probe_filter, &r);
    client_head(&x);
    client_data(&x, "old body", 8, 0);
    client_finish(&x);
    CHECK_TEXT(x.origin.at, x.origin.size, "new");
    CHECK(x.origin_end);
    finish();
}

int main(void) {
    end_comes_after_the_data_is_taken();
    emit_while_over_the_mark();
    end_with_more_than_a_callback_may_emit();
    trailers_after_transform();
    collected_bodies();
    rewrite_of_a_collected_body();
    return check_failures();
}

/* Waits: late wakes, resumes inside the hook, reroute after a wait, 1xx meanwhile, clients that go.
 */
#include "probe.h"

static worker w;
static exchange x;
static const pk_waker_service* wakers;
static pk_waker waker;

static void start(void) {
    worker_start(&w);
    wakers = (const pk_waker_service*)w.host.get(&w.host, str(PK_WAKER_ID));
    exchange_start(&x, &w, "GET", "/");
}
static void finish(void) {
    exchange_free(&x);
}

/* A late wake, meant for the first wait, meets the second: resumed looks at its own state. */
static int answer_there;
static pk_verdict waits_twice(pk_stream* s, int at, uint32_t d) {
    if (at == AT_REQUEST_HEADERS) {
        waker = wakers->make(s);
        return PK_WAIT;
    }
    if (at == AT_RESPONSE_HEADERS) return PK_WAIT;
    if (at != AT_RESUMED) return PK_NEXT;
    if (d == PK_REQUEST) return answer_there ? PK_NEXT : PK_WAIT;
    return PK_WAIT; /* nothing was asked for the response that could be there */
}
static void late_wake_meets_another_wait(void) {
    probe p = {255, waits_twice, NULL};
    start();
    add_filter(&x, "p", &probe_filter, &p);
    client_head(&x);
    client_finish(&x);
    CHECK(wakers->wake(&w.host, waker) == PK_OK); /* spurious: no answer yet */
    run(&x);
    CHECK(!x.origin_asked);
    answer_there = 1;
    for (int i = 0; i < 1000; ++i) /* they become one and cannot be too many */
        CHECK(wakers->wake(&w.host, waker) == PK_OK);
    run(&x);
    CHECK(x.origin_asked && x.origin_end);
    CHECK(strstr(x.calls,
                 "p.request_headers p.resumed p.resumed p.resumed p.resumed "
                 "p.request_end") != NULL); /* both directions, twice */
    origin_head(&x, 200);
    run(&x);
    wakers->wake(&w.host, waker); /* late */
    run(&x);
    CHECK(x.client_status == 0); /* still held */
    client_gone(&x);
    wakers->wake(&w.host, waker); /* after the stream's end: nothing */
    wakers->wake(&w.host, waker);
    pk_waker other = {1, 999};
    CHECK(wakers->wake(&w.host, other) == PK_OK);
    CHECK(x.ended == 2 && x.cause == PK_END_CLIENT_ABORT);
    finish();
}

/* resume() inside the hook that then waits counts; a resume before any wait is not remembered. */
static pk_verdict resumes_inside(pk_stream* s, int at, uint32_t d) {
    (void)d;
    if (at == AT_REQUEST_HEADERS) {
        s->api->resume(s, PK_RESPONSE); /* nothing waits there: not remembered */
        s->api->resume(s, PK_REQUEST);
        return PK_WAIT;
    }
    if (at == AT_RESPONSE_HEADERS) return PK_WAIT;
    return PK_NEXT;
}
static void resume_inside_the_hook(void) {
    probe p = {255, resumes_inside, NULL};
    start();
    add_filter(&x, "p", &probe_filter, &p);
    client_head(&x);
    client_finish(&x);
    CHECK(x.origin_asked);
    origin_head(&x, 200);
    run(&x);
    CHECK(x.client_status == 0);
    finish();
    CHECK(x.cause == PK_END_SHUTDOWN);
}

/* A 1xx while the request direction waits; one that is held back; none is delayed. */
static pk_verdict waits_at_end(pk_stream* s, int at, uint32_t d) {
    (void)s, (void)d;
    if (at == AT_REQUEST_END) return PK_WAIT;
    if (at == AT_INFORMATIONAL) return s->api->status(s) == 103 ? PK_NEXT : PK_WAIT;
    return PK_NEXT;
}
static void informational_while_waiting(void) {
    probe p = {255, waits_at_end, NULL};
    start();
    add_filter(&x, "p", &probe_filter, &p);
    client_head(&x);
    client_finish(&x);
    CHECK(x.origin_asked && !x.origin_end);
    origin_informational(&x, 103);
    CHECK(x.client_1xx == 103);
    origin_informational(&x, 102); /* PK_WAIT drops it and waits for nothing */
    CHECK(x.client_1xx == 103);
    origin_head(&x, 200);
    origin_finish(&x);
    CHECK(x.client_status == 200 && x.ended == 2); /* the request's wait did not hold it */
    finish();
}

/* Reroute after a wait, from a callback; an instance that has already seen the request stays alone.
 */
static probe shared = {255, NULL, NULL}, fresh = {255, NULL, NULL};
static void new_route(exchange* to) {
    add_filter(to, "shared", &probe_filter, &shared);
    add_filter(to, "fresh", &probe_filter, &fresh);
}
static void decide(pk_stream* s, void* arg) {
    (void)arg;
    CHECK(s->api->set_part(s, PK_PART_PATH, str("/canary")) == PK_OK);
    CHECK(s->api->reroute(s) == PK_OK);
    s->api->resume(s, PK_REQUEST);
}
static pk_verdict reroutes(pk_stream* s, int at, uint32_t d) {
    (void)d;
    const pk_timer_service* timers = (const pk_timer_service*)w.host.get(&w.host, str(PK_TIMER_ID));
    if (at == AT_REQUEST_HEADERS) {
        timers->start(s, 10, decide, NULL, NULL);
        return PK_WAIT;
    }
    if (at == AT_REQUEST_END) CHECK(s->api->reroute(s) == PK_WRONG_STATE); /* the head has gone */
    return PK_NEXT;
}
static void reroute_after_a_wait(void) {
    probe p = {255, reroutes, NULL}, dropped = {255, NULL, NULL};
    start();
    x.rerouted = new_route;
    add_filter(&x, "shared", &probe_filter, &shared);
    add_filter(&x, "p", &probe_filter, &p);
    add_filter(&x, "dropped", &probe_filter, &dropped);
    client_head(&x);
    run(&x);
    worker_advance(&w, 20);
    run(&x);
    client_finish(&x);
    origin_head(&x, 200);
    origin_finish(&x);
    CHECK(same(x.request.path, "/canary") && strstr(x.calls, "dropped") == NULL);
    CHECK(strstr(x.calls,
                 "shared.request_headers p.request_headers p.timer p.resumed "
                 "fresh.request_headers shared.request_end p.request_end") == x.calls);
    CHECK(strstr(x.calls, "shared.stream_end p.stream_end fresh.stream_end") != NULL);
    finish();
}

/* A reply from a timer while the head waits. */
static void refuse(pk_stream* s, void* arg) {
    (void)arg;
    CHECK(s->api->reroute(s) == PK_OK);
    CHECK(reply_with(s, 503, "busy") == PK_OK); /* wins over the reroute */
}
static pk_verdict waits_for_timer(pk_stream* s, int at, uint32_t d) {
    (void)d;
    const pk_timer_service* timers = (const pk_timer_service*)w.host.get(&w.host, str(PK_TIMER_ID));
    if (at != AT_REQUEST_HEADERS) return PK_NEXT;
    timers->start(s, 10, refuse, NULL, NULL);
    return PK_WAIT;
}
static void reply_out_of_a_wait(void) {
    probe p = {255, waits_for_timer, NULL};
    start();
    x.rerouted = new_route;
    add_filter(&x, "p", &probe_filter, &p);
    client_head(&x);
    run(&x);
    worker_advance(&w, 20);
    run(&x);
    CHECK(x.client_status == 503 && !x.origin_asked && x.reroutes == 0 && x.ended == 2);
    finish();
}

int main(void) {
    late_wake_meets_another_wait();
    resume_inside_the_hook();
    informational_while_waiting();
    reroute_after_a_wait();
    reply_out_of_a_wait();
    return check_failures();
}

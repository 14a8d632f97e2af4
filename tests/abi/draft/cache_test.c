/* A cache as a pk.http_filter/1: tees, collapses waiters, revalidates detached from the client,
 * serves ranges.
 *
 *   request_headers    hit: respond, emit, finish. Stale hit: the same, and a detached PK_SUB_REST
 * revalidates. Miss, alone: leader, PK_NEXT. Miss, one is under way: make a waker, PK_WAIT. resumed
 * hit now: respond. Leader gone without a result: one becomes leader (PK_NEXT), the others PK_WAIT
 * again. Not cacheable: PK_NEXT. response_headers   leader, 200: store; a range was asked: 206,
 * transform to that part response_data      copies into the entry; response_end completes it and
 * wakes stream_end         a leader that did not complete gives the lead up and wakes
 */
#include "probe.h"

enum { EMPTY, FILLING, FRESH, STALE, UNCACHEABLE };
static struct {
    int state;
    char body[256];
    size_t size;
    pk_waker waiters[16];
    int waiter_count;
    int revalidating;
    int renewed;
} entry;

typedef struct cache_state {
    int leads;
    int range; /* first-last */
    uint64_t first, last, seen;
} cache_state;

static worker w;
static const pk_waker_service* wakers;
static const pk_subrequest_service* subs;

static void wake_all(void) {
    int n = entry.waiter_count;
    entry.waiter_count = 0;
    for (int i = 0; i < n; ++i) CHECK(wakers->wake(&w.host, entry.waiters[i]) == PK_OK);
}

static void renewed_head(pk_stream* s, void* arg, uint32_t status, pk_field_view fields) {
    (void)arg, (void)fields;
    CHECK(s == NULL); /* detached: the stream may be gone */
    if (status == 304) entry.renewed = 1;
}
static void renewed_end(pk_stream* s, void* arg, uint32_t cause, pk_field_view trailers) {
    (void)s, (void)arg, (void)trailers;
    entry.revalidating = 0;
    if (cause == PK_END_COMPLETE && entry.renewed) entry.state = FRESH;
}
static void revalidate(pk_stream* s) {
    static pk_field condition = {{"if-none-match", 13}, {"\"1\"", 3}, PK_FIELD_IF_NONE_MATCH, 0};
    pk_subrequest what;
    memset(&what, 0, sizeof what);
    what.size = sizeof what;
    what.flags = PK_SUB_DETACHED | PK_SUB_REST;
    what.method = str("GET");
    what.fields.first = &condition;
    what.fields.count = 1;
    what.fields.stride = sizeof condition;
    what.head = renewed_head;
    what.end = renewed_end;
    entry.revalidating = 1;
    CHECK(subs->start(s, &what, NULL) == PK_OK);
}

static pk_verdict serve(pk_stream* s) {
    cache_state* st = (cache_state*)s->state;
    pk_str part = {entry.body, entry.size};
    if (st->range) {
        part.data += st->first;
        part.size = st->last - st->first + 1;
    }
    CHECK(s->api->respond(s, st->range ? 206 : 200, no_fields, (int64_t)part.size) == PK_OK);
    CHECK(s->api->emit(s, PK_RESPONSE, part, 0) == PK_OK);
    CHECK(s->api->finish(s, PK_RESPONSE, no_fields) == PK_OK);
    return PK_DONE;
}
static pk_verdict look_up(pk_stream* s) {
    cache_state* st = (cache_state*)s->state;
    switch (entry.state) {
        case STALE:
            if (!entry.revalidating) revalidate(s);
            return serve(s);
        case FRESH:
            return serve(s);
        case FILLING:
            entry.waiters[entry.waiter_count++] = wakers->make(s);
            return PK_WAIT;
        case EMPTY:
            entry.state = FILLING;
            entry.size = 0;
            st->leads = 1;
            if (st->range) /* the whole is fetched */
                s->api->remove_field(s, PK_FIELDS_REQUEST, PK_FIELD_RANGE, str("range"));
            return PK_NEXT;
        default:
            return PK_NEXT;
    }
}
static pk_verdict cache_request(pk_stream* s) {
    cache_state* st = (cache_state*)s->state;
    uint32_t at = 0;
    const pk_field* range = s->api->find(s, PK_FIELDS_REQUEST, PK_FIELD_RANGE, str("range"), &at);
    if (range != NULL) { /* bytes=F-L, one digit each here */
        st->range = 1;
        st->first = (uint64_t)(range->value.data[6] - '0');
        st->last = (uint64_t)(range->value.data[8] - '0');
    }
    return look_up(s);
}
static pk_verdict cache_resumed(pk_stream* s, uint32_t d) {
    cache_state* st = (cache_state*)s->state;
    if (d != PK_REQUEST || st->leads) return PK_NEXT;
    return look_up(s);
}
static pk_verdict cache_response(pk_stream* s) {
    cache_state* st = (cache_state*)s->state;
    if (!st->leads) return PK_NEXT;
    if (s->api->status(s) != 200) {
        entry.state = s->api->status(s) < 500 ? UNCACHEABLE : EMPTY;
        wake_all();
        st->leads = 0;
        return PK_NEXT;
    }
    if (st->range) {
        s->api->set_status(s, 206);
        s->api->add_field(s, PK_FIELDS_RESPONSE, PK_FIELD_CONTENT_RANGE, str("content-range"),
                          str("bytes 2-4/8"));
        s->api->transform(s, PK_RESPONSE, (int64_t)(st->last - st->first + 1));
    }
    return PK_NEXT;
}
static uint64_t cache_data(pk_stream* s, const pk_slice_view* v, uint32_t flags) {
    cache_state* st = (cache_state*)s->state;
    uint64_t total = view_size(v);
    for (uint32_t i = 0; i < v->count && st->leads; ++i) {
        pk_slice piece = v->first[i];
        memcpy(entry.body + entry.size, piece.data, piece.size);
        entry.size += piece.size;
        for (uint64_t k = 0; k < piece.size && st->range; ++k, ++st->seen) {
            pk_slice one = {piece.data + k, 1, piece.block};
            pk_slice_view view = {&one, 1, sizeof one};
            if (st->seen >= st->first && st->seen <= st->last)
                s->api->emit_slices(s, PK_RESPONSE, view, flags);
        }
    }
    return total;
}
static pk_verdict cache_response_end(pk_stream* s) {
    cache_state* st = (cache_state*)s->state;
    if (!st->leads) return PK_NEXT;
    st->leads = 0;
    entry.state = FRESH;
    wake_all();
    return PK_NEXT;
}
static void cache_end(pk_stream* s, uint32_t cause) {
    (void)cause;
    if (!((cache_state*)s->state)->leads) return;
    entry.state = EMPTY; /* the leader died: whoever is woken first leads */
    wake_all();
}
static uint32_t cache_interest(void* i) {
    (void)i;
    return PK_ON_REQUEST_HEADERS | PK_ON_RESPONSE_HEADERS | PK_ON_RESPONSE_DATA |
           PK_ON_RESPONSE_END | PK_ON_STREAM_END;
}
static const pk_http_filter cache = {sizeof(pk_http_filter),
                                     sizeof(cache_state),
                                     NULL,
                                     cache_interest,
                                     NULL,
                                     cache_request,
                                     NULL,
                                     NULL,
                                     NULL,
                                     NULL,
                                     cache_response,
                                     cache_data,
                                     cache_response_end,
                                     NULL,
                                     NULL,
                                     cache_end,
                                     cache_resumed};

static void start_world(void) {
    worker_start(&w);
    wakers = (const pk_waker_service*)w.host.get(&w.host, str(PK_WAKER_ID));
    subs = (const pk_subrequest_service*)w.host.get(&w.host, str(PK_SUBREQUEST_ID));
    memset(&entry, 0, sizeof entry);
}
static void ask(exchange* x, const char* range) {
    exchange_start(x, &w, "GET", "/a");
    if (range != NULL) client_field(x, PK_FIELD_RANGE, "range", range);
    add_filter(x, "cache", &cache, &entry);
    client_head(x);
    client_finish(x);
}

static void waiters_collapse(void) {
    exchange a, b, c;
    start_world();
    ask(&a, NULL);
    ask(&b, NULL);
    ask(&c, "bytes=2-4");
    CHECK(a.origin_asked && !b.origin_asked && !c.origin_asked && entry.waiter_count == 2);
    origin_head(&a, 200);
    origin_data(&a, "01234567", 8, 0);
    origin_finish(&a);
    run(&b);
    run(&c);
    CHECK_TEXT(a.client.at, a.client.size, "01234567");
    CHECK_TEXT(b.client.at, b.client.size, "01234567");
    CHECK_TEXT(c.client.at, c.client.size, "234");
    CHECK(c.client_status == 206 && !b.origin_asked && b.ended == 2 && b.client_end);
    exchange_free(&a), exchange_free(&b), exchange_free(&c);
}

static void leader_dies(void) {
    exchange a, b, c;
    start_world();
    ask(&a, NULL);
    ask(&b, NULL);
    ask(&c, NULL);
    origin_head(&a, 200);
    origin_data(&a, "0123", 4, 0);
    run(&a);
    client_gone(&a); /* in the middle: stream_end wakes from inside itself */
    CHECK(a.origin_cut && entry.state == EMPTY);
    run(&b);
    run(&c);
    CHECK(b.origin_asked && !c.origin_asked &&
          entry.waiter_count == 1); /* one leads, one waits on */
    origin_fails(&b);               /* this one gets a 502 */
    run(&b);
    CHECK(b.client_status == 502 && b.ended == 2);
    run(&c);
    CHECK(c.origin_asked); /* and the last leads */
    client_gone(&c);
    CHECK(entry.state == EMPTY && entry.waiter_count == 0);
    exchange_free(&a), exchange_free(&b), exchange_free(&c);
}

static void waiter_goes_away(void) {
    exchange a, b;
    start_world();
    ask(&a, NULL);
    ask(&b, NULL);
    client_gone(&b);
    origin_head(&a, 404); /* not cacheable: wakes b's waker, which is of a stream that is gone */
    origin_finish(&a);
    CHECK(a.client_status == 404 && b.client_status == 0 && entry.state == UNCACHEABLE);
    exchange_free(&a), exchange_free(&b);
}

static void range_of_a_miss_still_tees_the_whole(void) {
    exchange a;
    start_world();
    ask(&a, "bytes=2-4");
    CHECK(field_of(&a, PK_FIELDS_REQUEST, "range")[0] == '\0');
    origin_head(&a, 200);
    origin_data(&a, "01234567", 8, 0);
    origin_finish(&a);
    CHECK(a.client_status == 206 && entry.size == 8 && entry.state == FRESH);
    CHECK_TEXT(a.client.at, a.client.size, "234");
    exchange_free(&a);
}

static void revalidates_after_the_client_has_gone(void) {
    exchange a, b;
    start_world();
    entry.state = STALE;
    memcpy(entry.body, "old", 3);
    entry.size = 3;
    ask(&a, NULL);
    CHECK_TEXT(a.client.at, a.client.size, "old");
    CHECK(a.ended == 2 && !a.origin_asked);
    exchange_free(&a); /* the stream's memory is gone */
    ask(&b, NULL);     /* another stale hit starts no second one */
    fake_sub* sub = sub_of(&w, "");
    CHECK(sub != NULL && sub->of == NULL && (sub->what.flags & PK_SUB_REST) != 0);
    sub_head(&w, sub, 304, no_fields);
    sub_end(&w, sub, PK_END_COMPLETE);
    CHECK(entry.state == FRESH && sub_of(&w, "") == NULL);
    exchange_free(&b);
    entry.state = STALE;
    ask(&a, NULL);
    exchange_free(&a);
    worker_exit(&w); /* it is told of its end, too */
    CHECK(entry.revalidating == 0);
}

int main(void) {
    waiters_collapse();
    leader_dies();
    waiter_goes_away();
    range_of_a_miss_still_tees_the_whole();
    revalidates_after_the_client_has_gone();
    return check_failures();
}

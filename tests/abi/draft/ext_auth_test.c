/* ext-auth as a pk.http_filter/1 that forwards the request's body to the service it asks.
 *
 *   request_headers    collect(limit, spill): PK_COLLECT
 *   request_collected  subrequest to the upstream, PK_SUB_COLLECTED: PK_WAIT
 *   sub head, end      2xx: set the identity fields (they are vouched for), resume; else reply
 *   a failed subrequest is a 503: fail closed
 */
#include "probe.h"

typedef struct auth_state {
    uint32_t status;
    pk_str user;
} auth_state;

static worker w;
static exchange x;
static const pk_subrequest_service* subs;
static int after_end; /* callbacks of a stream that is over */

static void auth_head(pk_stream* s, void* arg, uint32_t status, pk_field_view fields) {
    auth_state* st = (auth_state*)s->state;
    (void)arg;
    st->status = status;
    if (fields.count == 0) return;
    char* at = (char*)s->api->allocate(s, fields.first->value.size, 1);
    memcpy(at, fields.first->value.data, fields.first->value.size);
    st->user.data = at;
    st->user.size = fields.first->value.size;
}
static void auth_end(pk_stream* s, void* arg, uint32_t cause, pk_field_view trailers) {
    auth_state* st = (auth_state*)s->state;
    (void)arg, (void)trailers;
    if (x.ended) ++after_end;
    if (cause != PK_END_COMPLETE) {
        reply_with(s, 503, "auth is down");
    } else if (st->status / 100 != 2) {
        reply_with(s, st->status, "no");
    } else {
        CHECK(s->api->set_field(s, PK_FIELDS_REQUEST, PK_FIELD_OTHER, str("x-auth-user"),
                                st->user) == PK_OK);
        s->api->resume(s, PK_REQUEST);
    }
}
static pk_verdict auth_request(pk_stream* s) {
    return s->api->collect(s, PK_REQUEST, 8, PK_OVERFLOW_SPILL) == PK_OK ? PK_COLLECT : PK_NEXT;
}
static pk_verdict auth_collected(pk_stream* s) {
    pk_subrequest what;
    memset(&what, 0, sizeof what);
    what.size = sizeof what;
    what.flags = PK_SUB_COLLECTED;
    what.upstream = str("auth");
    what.method = str("POST");
    what.target = str("/check");
    what.head = auth_head;
    what.end = auth_end;
    return subs->start(s, &what, NULL) == PK_OK ? PK_WAIT : PK_DONE;
}
static uint32_t auth_interest(void* i) {
    (void)i;
    return PK_ON_REQUEST_HEADERS;
}
static const pk_str* auth_vouches(void* i, uint32_t* count) {
    static const pk_str names[] = {{"x-auth-user", 11}};
    (void)i;
    *count = 1;
    return names;
}
static const pk_http_filter auth = {sizeof(pk_http_filter),
                                    sizeof(auth_state),
                                    NULL,
                                    auth_interest,
                                    auth_vouches,
                                    auth_request,
                                    NULL,
                                    NULL,
                                    auth_collected,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL};

static fake_sub* ask(const char* body) {
    worker_start(&w);
    subs = (const pk_subrequest_service*)w.host.get(&w.host, str(PK_SUBREQUEST_ID));
    exchange_start(&x, &w, "POST", "/");
    add_filter(&x, "auth", &auth, NULL);
    client_head(&x);
    client_data(&x, body, strlen(body), 0);
    client_finish(&x);
    return sub_of(&w, "/check");
}
static pk_field user_field = {{"x-auth-user", 11}, {"ann", 3}, PK_FIELD_OTHER, 0};
static const pk_field_view user_fields = {&user_field, 1, sizeof(pk_field)};

static void allowed_with_a_spilled_body(void) {
    fake_sub* sub = ask("more than eight bytes");
    CHECK(sub != NULL && !x.origin_asked && x.origin.size == 0);
    sub_head(&w, sub, 200, user_fields);
    sub_end(&w, sub, PK_END_COMPLETE);
    run(&x);
    CHECK_TEXT(x.origin.at, x.origin.size, "more than eight bytes");
    CHECK(x.origin_end && same(str(field_of(&x, PK_FIELDS_REQUEST, "x-auth-user")), "ann"));
    exchange_free(&x);
}
static void refused_and_down(void) {
    fake_sub* sub = ask("small");
    sub_head(&w, sub, 403, no_fields);
    sub_end(&w, sub, PK_END_COMPLETE);
    run(&x);
    CHECK(x.client_status == 403 && !x.origin_asked);
    exchange_free(&x);
    sub = ask("small");
    sub_end(&w, sub, PK_END_UNREACHABLE); /* no head came */
    run(&x);
    CHECK(x.client_status == 503 && !x.origin_asked);
    exchange_free(&x);
}
static void the_client_goes_first(void) {
    CHECK(ask("small") != NULL);
    client_gone(&x);
    CHECK(sub_of(&w, "/check") == NULL && after_end == 0); /* cancelled, end is not called */
    exchange_free(&x);
}
static void collected_only_while_held(void) {
    fake_sub* sub = ask("small");
    sub_head(&w, sub, 200, user_fields);
    sub_end(&w, sub, PK_END_COMPLETE);
    run(&x);
    pk_subrequest late;
    memset(&late, 0, sizeof late);
    late.size = sizeof late;
    late.flags = PK_SUB_COLLECTED;
    CHECK(subs->start(&x.places[0].handle, &late, NULL) == PK_WRONG_STATE);
    exchange_free(&x);
}

int main(void) {
    allowed_with_a_spilled_body();
    refused_and_down();
    the_client_goes_first();
    collected_only_while_held();
    return check_failures();
}

/* WebSocket as a pk.tunnel/1-draft: judged, granted, independent half-closes, a goodbye between
 * frames.
 *
 *   judge      version and key are there, origin allowed: NEXT; else reply 400, 403
 *   accepted   Sec-WebSocket-Accept fits: set_interest(RESPONSE) when drain notices or size limits
 * are asked for; NEXT data       follows the frames, takes all; with a goodbye to say: to the end
 * of the frame, emit, finish end        NEXT: the half-close goes on; the other direction stays
 *   drain      close 1012 to the client at the next frame boundary, now if it stands at one; the
 * rest runs on Toy frames here: one length digit and so many bytes.
 */
#include "probe.h"

static worker w;
static exchange x;
static const pk_tunnel_service* tunnels;
static int judged, hold_end, watches;
typedef struct ws_state {
    uint64_t left; /* of the frame from the origin */
    int leaving;
} ws_state;
static uint32_t end_cause;

static pk_verdict ws_judge(pk_stream* s) {
    uint32_t at = 0;
    ++judged;
    if (s->api->find(s, PK_FIELDS_REQUEST, PK_FIELD_OTHER, str("sec-websocket-key"), &at) == NULL) {
        reply_with(s, 400, "no key");
        return PK_DONE;
    }
    return PK_NEXT;
}
static pk_verdict ws_accepted(pk_stream* s) {
    uint32_t at = 0;
    if (s->api->find(s, PK_FIELDS_RESPONSE, PK_FIELD_OTHER, str("sec-websocket-accept"), &at) ==
        NULL) {
        reply_with(s, 502, "not a websocket");
        return PK_DONE;
    }
    if (watches) tunnels->set_interest(s, PK_RESPONSE, PK_TUNNEL_DATA);
    tunnels->set_limits(s, 3600ull * 1000000000ull, 0);
    return PK_NEXT;
}
static void goodbye(pk_stream* s) {
    CHECK(s->api->emit(s, PK_RESPONSE, str("41012"), 0) == PK_OK);
    CHECK(s->api->emit(s, PK_REQUEST, str("41012"), 0) == PK_WRONG_STATE); /* no interest there */
    CHECK(s->api->finish(s, PK_RESPONSE, no_fields) == PK_OK);
    CHECK(s->api->emit(s, PK_RESPONSE, str("1x"), 0) == PK_WRONG_STATE);
}
static uint64_t ws_data(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t flags) {
    ws_state* st = (ws_state*)s->state;
    uint64_t taken = 0;
    (void)d, (void)flags;
    for (uint32_t i = 0; i < v->count; ++i) {
        for (uint64_t k = 0; k < v->first[i].size; ++k) {
            if (st->left == 0)
                st->left = (uint64_t)(v->first[i].data[k] - '0');
            else
                --st->left;
            ++taken;
            if (st->leaving && st->left == 0) {
                goodbye(s);
                return taken;
            }
        }
    }
    return taken;
}
static pk_verdict ws_end(pk_stream* s, uint32_t d) {
    (void)s;
    return d == PK_REQUEST && hold_end ? PK_WAIT : PK_NEXT;
}
static void leave_soon(pk_stream* s) {
    ws_state* st = (ws_state*)s->state;
    st->leaving = 1;
    if (st->left == 0) goodbye(s);
}
static void ws_limit(pk_stream* s, uint32_t which) {
    CHECK(which == PK_TUNNEL_IDLE);
    leave_soon(s);
}
static void ws_drain(pk_stream* s, uint64_t deadline_ns) {
    (void)deadline_ns;
    leave_soon(s);
}
static void ws_stream_end(pk_stream* s, uint32_t cause) {
    (void)s;
    end_cause = cause;
}
static const pk_str* ws_protocols(void* i, uint32_t* count) {
    static const pk_str names[] = {{"websocket", 9}};
    (void)i;
    *count = 1;
    return names;
}
static const pk_tunnel websocket = {
    sizeof(pk_tunnel), sizeof(ws_state), NULL,         ws_protocols, ws_judge,
    ws_accepted,       ws_data,          ws_end,       NULL,         NULL,
    ws_limit,          ws_drain,         ws_stream_end};
static probe observer = {255, NULL, NULL};

static void ask(int with_key) {
    worker_start(&w);
    tunnels = (const pk_tunnel_service*)w.host.get(&w.host, str(PK_TUNNEL_SERVICE_ID));
    exchange_start(&x, &w, "GET", "/ws");
    end_cause = 99;
    if (with_key) client_field(&x, PK_FIELD_OTHER, "sec-websocket-key", "k");
    add_filter(&x, "f", &probe_filter, &observer);
    add_tunnel(&x, "ws", &websocket, NULL);
    client_head(&x);
    run(&x);
}
static void open_tunnel(int watch) {
    watches = watch;
    ask(1);
    origin_field(&x, PK_FIELD_OTHER, "sec-websocket-accept", "a");
    origin_head(&x, 101);
    run(&x);
    CHECK(x.client_status == 101 && x.tunnel == 2);
}

static void nothing_before_the_101(void) {
    ask(1);
    client_data(&x, "1early", 6, 0); /* held: neither body nor tunnel yet (S05) */
    run(&x);
    CHECK(x.origin_asked && x.origin.size == 0);
    origin_head(&x, 200); /* an ordinary response: no tunnel begins (S07) */
    origin_data(&x, "page", 4, 0);
    origin_finish(&x);
    CHECK_TEXT(x.client.at, x.client.size, "page");
    CHECK(x.ended == 2 && x.origin.size == 0 && strstr(x.calls, "ws.accepted") == NULL);
    CHECK(end_cause == PK_END_COMPLETE);
    exchange_free(&x);

    ask(0);
    CHECK(x.client_status == 400 && !x.origin_asked);
    exchange_free(&x);

    ask(1); /* a 101 that is none */
    origin_head(&x, 101);
    run(&x);
    CHECK(x.client_status == 502 && x.origin_cut);
    exchange_free(&x);
}

static void half_close_then_data(void) {
    open_tunnel(0);
    client_data(&x, "1a", 2, 0);
    client_finish(&x); /* the client's direction ends; the other goes on */
    CHECK_TEXT(x.origin.at, x.origin.size, "1a");
    CHECK(x.origin_end && !x.client_end && !x.ended);
    origin_data(&x, "1b1c", 4, 0);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "1b1c");
    CHECK(!x.ended);
    origin_finish(&x);
    CHECK(x.client_end && x.ended == 2 && end_cause == PK_END_COMPLETE);
    /* Filters saw the 101, and nothing of the tunnel. */
    CHECK(strstr(x.calls, "f.response_headers") != NULL && strstr(x.calls, "f.data") == NULL);
    CHECK(strstr(x.calls, "f.response_end") == NULL);
    exchange_free(&x);
}

static void the_end_can_be_held(void) {
    open_tunnel(0);
    hold_end = 1;
    client_finish(&x);
    CHECK(!x.origin_end);
    hold_end = 0;
    x.places[1].handle.api->resume(&x.places[1].handle, PK_REQUEST);
    x.places[1].handle.api->resume(&x.places[1].handle, PK_REQUEST); /* twice */
    run(&x);
    CHECK(x.origin_end && !x.ended);
    x.places[1].handle.api->resume(&x.places[1].handle, PK_REQUEST); /* late */
    run(&x);
    origin_finish(&x);
    CHECK(end_cause == PK_END_COMPLETE);
    exchange_free(&x);
}

static void goodbye_between_frames(void) {
    open_tunnel(1);
    origin_data(&x, "2ab3c", 5, 0); /* a frame and a part of one */
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "2ab3c");
    tunnel_drain(&x, 0); /* in the middle of a frame */
    run(&x);
    CHECK(!x.client_end);
    origin_data(&x, "de1f", 4, 0); /* its rest, and one that is dropped unseen after finish */
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "2ab3cde41012");
    CHECK(x.client_end && !x.ended);
    client_data(&x, "41012", 5, 0); /* the client's own close still reaches the origin */
    client_finish(&x);
    CHECK_TEXT(x.origin.at, x.origin.size, "41012");
    CHECK(x.ended == 2 && end_cause == PK_END_COMPLETE);
    exchange_free(&x);
}

static void a_limit_at_a_frame_boundary(void) {
    open_tunnel(1);
    tunnel_limit(&x, PK_TUNNEL_IDLE);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "41012");
    CHECK(x.client_end && !x.ended);
    exchange_free(&x);
    CHECK(end_cause == PK_END_SHUTDOWN);
}

static void abort_is_no_end(void) {
    open_tunnel(0);
    client_data(&x, "1a", 2, 0);
    run(&x);
    client_gone(&x);
    CHECK(end_cause == PK_END_CLIENT_ABORT && strstr(x.calls, "end_request") == NULL);
    exchange_free(&x);
}

int main(void) {
    nothing_before_the_101();
    half_close_then_data();
    the_end_can_be_held();
    goodbye_between_frames();
    a_limit_at_a_frame_boundary();
    abort_is_no_end();
    return check_failures();
}

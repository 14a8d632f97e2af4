/* HTTP/2 as a pk.codec/1, with toy frames: a type, a stream digit, a length digit, so many
 * bytes.
 *
 *   H head (path; "!" malformed, "^" too large, "@" an extended CONNECT), B body, E end, R reset, W
 * window (a digit each), G goaway, P ping. Answers: h head, b body, e end, r reset, g goaway, p
 * pong. received     parses whole frames; H: stream() or reject(); B: body(); E: end(); R: abort()
 *   respond, available, end, reset, credit   record; write frames them, as the peer's windows
 * allow: send(header) then send_body(n), so that body bytes never pass through the codec
 */
#include "pkernel/abi/codec.h"

#include "check.h"

/* ---- The codec ---- */
enum { STREAMS = 10, WINDOW = 4 };
typedef struct toy_stream {
    uint32_t number, status;
    uint64_t window, waits, returned;
    int head_due, end_due, reset_due;
} toy_stream;
typedef struct toy_conn {
    pk_codec_stream* streams[STREAMS];
    int pongs, draining, said_goodbye;
    char refused[STREAMS]; /* r frames without a stream */
} toy_conn;

static int closes_asked;

static toy_stream* own(pk_codec_stream* s) {
    return (toy_stream*)s->state;
}

static void refuse(pk_codec_conn* c, uint32_t number) {
    ((toy_conn*)c->state)->refused[number] = 1;
    c->api->glitch(c, 1);
}
static void toy_head(pk_codec_conn* c, uint32_t number, pk_str path) {
    toy_conn* st = (toy_conn*)c->state;
    pk_codec_stream* s = NULL;
    pk_codec_head head;
    pk_status answer;
    memset(&head, 0, sizeof head);
    head.size = sizeof head;
    head.method = str("GET");
    head.target = path;
    head.content_length = -1;
    if (path.data[0] == '@') head.upgrade = str("websocket");
    if (st->draining) {
        refuse(c, number);
        return;
    }
    answer = path.data[0] == '^' ? c->api->reject(c, &head, 431, &s) : c->api->stream(c, &head, &s);
    if (answer != PK_OK) {
        refuse(c, number);
        return;
    }
    st->streams[number] = s;
    own(s)->number = number;
    own(s)->window = WINDOW;
}
static void toy_frame(pk_codec_conn* c, char type, uint32_t number, pk_str payload) {
    toy_conn* st = (toy_conn*)c->state;
    pk_codec_stream* s = st->streams[number];
    pk_slice body = {payload.data, payload.size, (void*)1};
    pk_field_view none = {NULL, 0, sizeof(pk_field)};
    if (type == 'H') toy_head(c, number, payload);
    if (type == 'P') ++st->pongs;
    if (s == NULL) return; /* of a stream that is over: discarded, credited to itself */
    if (type == 'B' && c->api->body(s, &body, 0) == PK_INVALID) {
        own(s)->reset_due = 1;
        c->api->abort(s, PK_END_PROTOCOL);
    }
    if (type == 'E') c->api->end(s, none);
    if (type == 'R') c->api->abort(s, PK_END_CLIENT_ABORT);
    if (type == 'W') own(s)->window += (uint64_t)(payload.data[0] - '0');
}
static uint64_t toy_received(pk_codec_conn* c, const pk_slice_view* v) {
    toy_conn* st = (toy_conn*)c->state;
    const char* at = v->first->data;
    uint64_t done = 0, size = v->first->size;
    while (size - done >= 3 && st->pongs < 3) { /* what it owes is bounded: else it stops reading */
        uint64_t n = (uint64_t)(at[done + 2] - '0');
        if (size - done < 3 + n) break;
        pk_str payload = {at + done + 3, n};
        toy_frame(c, at[done], (uint32_t)(at[done + 1] - '0'), payload);
        done += 3 + n;
    }
    return done;
}
static int toy_send(pk_codec_conn* c, char type, uint32_t number, uint64_t size) {
    char frame[3] = {type, (char)('0' + number), (char)('0' + size)};
    pk_str bytes = {frame, 3};
    return c->api->send(c, bytes) == PK_OK;
}
static int toy_write_stream(pk_codec_conn* c, pk_codec_stream* s) {
    toy_stream* st = own(s);
    if (st->reset_due) return !toy_send(c, 'r', st->number, 0) || (st->reset_due = 0, 1);
    if (st->head_due) {
        char head[6];
        snprintf(head, sizeof head, "h%u3", st->number);
        pk_str bytes = {head, 3};
        if (c->api->send(c, bytes) != PK_OK) return 0;
        snprintf(head, sizeof head, "%u", st->status);
        bytes.size = 3;
        if (c->api->send(c, bytes) != PK_OK) return 0;
        st->head_due = 0;
    }
    uint64_t n = st->waits < st->window ? st->waits : st->window;
    if (n > 9) n = 9;
    if (n != 0) {
        if (!toy_send(c, 'b', st->number, n)) return 0;
        CHECK(c->api->send_body(s, n) == PK_OK);
        st->waits -= n;
        st->window -= n;
    }
    if (st->end_due && st->waits == 0) {
        if (!toy_send(c, 'e', st->number, 0)) return 0;
        st->end_due = 0;
    }
    return 1;
}
static void toy_write(pk_codec_conn* c) {
    toy_conn* st = (toy_conn*)c->state;
    int left = 0;
    while (st->pongs > 0 && toy_send(c, 'p', 0, 0)) --st->pongs;
    if (st->draining && !st->said_goodbye) st->said_goodbye = toy_send(c, 'g', 0, 0);
    for (uint32_t i = 0; i < STREAMS; ++i) {
        if (st->refused[i] && toy_send(c, 'r', i, 0)) st->refused[i] = 0;
        if (st->streams[i] == NULL) continue;
        ++left;
        if (!toy_write_stream(c, st->streams[i])) return;
    }
    if (st->draining && left == 0) {
        ++closes_asked;
        c->api->close(c, PK_END_COMPLETE, str("drained"));
    }
}
static void toy_respond(pk_codec_stream* s, uint32_t status, pk_field_view fields) {
    (void)fields;
    own(s)->status = status;
    own(s)->head_due = 1;
}
static void toy_available(pk_codec_stream* s, uint64_t bytes, uint32_t flags) {
    (void)flags;
    own(s)->waits = bytes;
}
static void toy_end(pk_codec_stream* s, pk_field_view trailers) {
    (void)trailers;
    own(s)->end_due = 1;
}
static void toy_reset(pk_codec_stream* s, uint32_t cause) {
    (void)cause;
    ((toy_conn*)s->conn->state)->refused[own(s)->number] = 1;
}
static void toy_credit(pk_codec_stream* s, uint64_t bytes) {
    own(s)->returned += bytes;
}
static void toy_conn_credit(pk_codec_conn* c, uint64_t bytes) {
    (void)c, (void)bytes;
}
static void toy_stream_closed(pk_codec_stream* s) {
    toy_conn* st = (toy_conn*)s->conn->state;
    CHECK(st->streams[own(s)->number] == s);
    if (own(s)->reset_due) st->refused[own(s)->number] = 1;
    st->streams[own(s)->number] = NULL;
}
static void toy_drain(pk_codec_conn* c) {
    ((toy_conn*)c->state)->draining = 1;
}
static uint32_t toy_probe(void* i, pk_str first) {
    (void)i;
    if (first.size < 3)
        return memcmp(first.data, "PRI", first.size) ? PK_PROBE_NOT_MINE : PK_PROBE_MORE;
    return memcmp(first.data, "PRI", 3) == 0 ? PK_PROBE_MINE : PK_PROBE_NOT_MINE;
}
static const pk_codec toy = {sizeof(pk_codec),
                             sizeof(toy_conn),
                             NULL,
                             sizeof(toy_stream),
                             0,
                             NULL,
                             toy_probe,
                             NULL,
                             toy_received,
                             NULL,
                             toy_write,
                             toy_respond,
                             toy_available,
                             toy_end,
                             toy_reset,
                             toy_credit,
                             toy_conn_credit,
                             toy_stream_closed,
                             toy_drain,
                             NULL,
                             NULL,
                             NULL,
                             {"toy", 3}};

/* ---- The host: a connection, and the kernel's end of its streams ---- */
typedef struct fake_stream {
    pk_codec_stream s; /* first */
    toy_stream state;
    char path[8], body[64], out[64];
    size_t body_size, out_size;
    uint64_t credit;
    uint32_t upgrade, cause;
    int open, request_end, over, closed;
} fake_stream;
static fake_stream k[STREAMS];
static int made, refuses, glitches, closing;
static pk_codec_conn conn;
static toy_conn conn_state;
static char wire[4096];
static size_t wire_size, wire_room;

static pk_status k_new(const pk_codec_head* head, pk_codec_stream** s) {
    fake_stream* f = &k[made++];
    memset(f, 0, sizeof *f);
    f->s.api = conn.api;
    f->s.state = &f->state;
    f->s.conn = &conn;
    f->open = 1;
    f->credit = 6;
    f->upgrade = head->upgrade.size != 0;
    snprintf(f->path, sizeof f->path, "%.*s", (int)head->target.size, head->target.data);
    *s = &f->s;
    return PK_OK;
}
static pk_status k_stream(pk_codec_conn* c, const pk_codec_head* head, pk_codec_stream** s) {
    (void)c;
    if (refuses) return PK_NO_MEMORY;
    if (head->target.data[0] == '!') return PK_INVALID;
    return k_new(head, s);
}
static pk_status k_reject(pk_codec_conn* c, const pk_codec_head* head, uint32_t status,
                          pk_codec_stream** s) {
    (void)c;
    pk_status answer = k_new(head, s);
    k[made - 1].cause = status; /* answered below, not in here */
    return answer;
}
static pk_status k_body(pk_codec_stream* s, const pk_slice* b, uint32_t flags) {
    fake_stream* f = (fake_stream*)s;
    (void)flags;
    if (f->over) return PK_WRONG_STATE;
    if (b->size > f->credit) return PK_INVALID;
    f->credit -= b->size;
    memcpy(f->body + f->body_size, b->data, b->size);
    f->body_size += b->size;
    return PK_OK;
}
static pk_status k_end(pk_codec_stream* s, pk_field_view trailers) {
    (void)trailers;
    if (((fake_stream*)s)->over) return PK_WRONG_STATE;
    ((fake_stream*)s)->request_end = 1;
    return PK_OK;
}
static void k_abort(pk_codec_stream* s, uint32_t cause) {
    fake_stream* f = (fake_stream*)s;
    if (f->over) return;
    f->over = 1;
    f->cause = cause;
}
static pk_status k_send(pk_codec_conn* c, pk_str bytes) {
    (void)c;
    if (wire_size + bytes.size > wire_room) return PK_NO_MEMORY;
    memcpy(wire + wire_size, bytes.data, bytes.size);
    wire_size += bytes.size;
    return PK_OK;
}
static pk_status k_send_body(pk_codec_stream* s, uint64_t n) {
    fake_stream* f = (fake_stream*)s;
    if (n > f->out_size) return PK_INVALID;
    memcpy(wire + wire_size, f->out, n);
    wire_size += n;
    memmove(f->out, f->out + n, f->out_size - n);
    f->out_size -= n;
    return PK_OK;
}
static void k_glitch(pk_codec_conn* c, uint32_t points) {
    (void)c;
    glitches += (int)points;
}
static void k_close(pk_codec_conn* c, uint32_t cause, pk_str text) {
    (void)c, (void)cause, (void)text;
    closing = 1;
}
static const pk_codec_api api = {
    sizeof(pk_codec_api), 0,    NULL, k_stream, k_reject, k_body, k_end, k_abort, k_send,
    k_send_body,          NULL, NULL, k_glitch, k_close};

/* After a hook: what was recorded, then write. */
static void settle(void) {
    for (int i = 0; i < made; ++i) {
        fake_stream* f = &k[i];
        if (f->open && f->cause == 431 && !f->over && f->state.status == 0)
            toy.respond(&f->s, 431, (pk_field_view){NULL, 0, 0}),
                toy.end(&f->s, (pk_field_view){NULL, 0, 0});
        if (f->open && f->over && !f->closed) {
            f->closed = 1;
            f->open = 0;
            toy.stream_closed(&f->s);
        }
    }
    toy.write(&conn);
}
static size_t arrives(const char* frames) {
    pk_slice slice = {frames, strlen(frames), (void*)1};
    pk_slice_view view = {&slice, 1, sizeof slice};
    uint64_t n = toy.received(&conn, &view);
    settle();
    return n;
}
static void start(void) {
    memset(&conn_state, 0, sizeof conn_state);
    conn.api = &api;
    conn.state = &conn_state;
    made = refuses = glitches = closing = closes_asked = 0;
    wire_size = 0;
    wire_room = sizeof wire;
}
static void respond(int i, const char* body, int ends) {
    fake_stream* f = &k[i];
    toy.respond(&f->s, 200, (pk_field_view){NULL, 0, 0});
    memcpy(f->out + f->out_size, body, strlen(body));
    f->out_size += strlen(body);
    toy.available(&f->s, f->out_size, 0);
    if (ends) toy.end(&f->s, (pk_field_view){NULL, 0, 0});
    settle();
}
static void kernel_resets(int i) {
    toy.reset(&k[i].s, PK_END_LIMIT);
    k[i].over = 1;
    settle();
}
static void wire_has(const char* want) {
    CHECK_TEXT(wire, wire_size, want);
    wire_size = 0;
}

static void windows_are_per_stream(void) {
    start();
    arrives("H12/aE10H22/bE20");
    CHECK(made == 2 && strcmp(k[1].path, "/b") == 0 && k[0].request_end);
    respond(0, "123456789", 1); /* window 4 */
    respond(1, "xy", 1);
    wire_has("h13200b141234h23200b22xye20"); /* the second is not held up by the first */
    arrives("W113");
    wire_has("b13567");
    arrives("W119");
    wire_has("b1289e10");
}
static void credit_is_kept(void) {
    start();
    arrives("H12/aB16abcdef"); /* all of the credit */
    toy.credit(&k[0].s, 3);
    k[0].credit += 3;
    arrives("B13ghiH22/b");
    CHECK(k[0].body_size == 9 && k[0].state.returned == 3);
    arrives("B11j"); /* one too many: a stream error, not a connection error */
    CHECK(k[0].closed && k[0].cause == PK_END_PROTOCOL && !k[1].closed && !closing);
    wire_has("r10");
    respond(1, "ok", 1);
    wire_has("h23200b22oke20");
}
static void head_and_reset_in_one_packet(void) {
    start();
    arrives("H12/aR10H22/b"); /* CVE-2026-23918: closed after the hook, once */
    CHECK(k[0].closed && k[0].cause == PK_END_CLIENT_ABORT && conn_state.streams[1] == NULL);
    CHECK(k[1].open);
    arrives("B13latE10R10W119"); /* all of it for a stream that is over */
    CHECK(k[0].body_size == 0 && !k[0].request_end);
    wire_has("");
}
static void reset_by_the_kernel(void) {
    start();
    arrives("H12/a");
    respond(0, "123456789", 0);
    wire_has("h13200b141234");
    kernel_resets(0); /* what waits for it is gone */
    CHECK(k[0].closed && conn_state.streams[1] == NULL);
    wire_has("r10");
    arrives("B13abcW119");
    wire_has("");
    arrives("H12/c"); /* the number is free in this toy */
    CHECK(made == 2 && k[1].open);
}
static void refused_malformed_too_large(void) {
    start();
    refuses = 1;
    arrives("H12/a");
    wire_has("r10");
    refuses = 0;
    arrives("H11!H21^H32/b");
    CHECK(glitches == 2 && made == 2 && !closing);
    wire_has("r10h23431e20"); /* the kernel's 431 goes out like any response */
}
static void drain_then_close(void) {
    start();
    arrives("H12/a");
    toy.drain(&conn);
    toy.drain(&conn);
    settle();
    wire_has("g00");
    arrives("H22/b");
    wire_has("r20");
    CHECK(closes_asked == 0);
    respond(0, "ok", 1); /* the one that was there ends properly */
    k[0].over = 1;
    settle();
    wire_has("h13200b12oke10");
    CHECK(closes_asked > 0 && closing);
}
static void pings_against_a_full_output(void) {
    start();
    wire_room = 3; /* one pong */
    size_t n = arrives("P00P00P00P00P00");
    CHECK(n == 9 && conn_state.pongs == 2); /* it stops reading instead of owing more */
    wire_size = 0;
    toy.write(&conn);
    CHECK(conn_state.pongs == 1);
    n = arrives("P00P00");
    CHECK(n == 6);
}
static void extended_connect_is_an_upgrade(void) {
    start();
    arrives("H12@w");
    CHECK(k[0].upgrade);
    toy.respond(&k[0].s, 101, (pk_field_view){NULL, 0, 0});
    settle();
    wire_has("h13101");
    arrives("B13abcE10"); /* the client's half ends; the other goes on */
    CHECK(k[0].body_size == 3 && k[0].request_end && !k[0].over);
    k[0].out_size = 2;
    memcpy(k[0].out, "hi", 2);
    toy.available(&k[0].s, 2, PK_DATA_FLUSH);
    settle();
    wire_has("b12hi");
}
static void probes(void) {
    CHECK(toy.probe(NULL, str("PR")) == PK_PROBE_MORE);
    CHECK(toy.probe(NULL, str("PRI * HTTP")) == PK_PROBE_MINE);
    CHECK(toy.probe(NULL, str("GE")) == PK_PROBE_NOT_MINE);
}

int main(void) {
    windows_are_per_stream();
    credit_is_kept();
    head_and_reset_in_one_packet();
    reset_by_the_kernel();
    refused_malformed_too_large();
    drain_then_close();
    pings_against_a_full_output();
    extended_connect_is_an_upgrade();
    probes();
    return check_failures();
}

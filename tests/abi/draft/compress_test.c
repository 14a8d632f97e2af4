/* compress as a pk.http_filter/1 over a pk.coding/1-draft (toy: each byte twice, "." at the end).
 *
 *   response_headers  open a coder, transform(-1), Content-Encoding
 *   response_data     run until the input is consumed or emit refuses; takes what was consumed;
 * FLUSH goes through response_end      run with PK_CODING_END until FINISHED; WAIT when emit
 * refuses, on in drained stream_end        close, also after an abort in the middle
 */
#include "pkernel/abi/draft/coding.h"
#include "probe.h"

/* ---- The coding, behind a handle ---- */
typedef struct toy_coder {
    char held;
    int has_held, ended;
} toy_coder;
static toy_coder coders[4];
static int open_coders;
static pk_status toy_open(const pk_coding_handle* h, uint32_t way, int64_t hint, void** coder) {
    (void)h, (void)hint;
    if (way != PK_CODING_ENCODE) return PK_UNSUPPORTED;
    memset(&coders[open_coders], 0, sizeof coders[0]);
    *coder = &coders[open_coders++];
    return PK_OK;
}
static uint32_t toy_run(const pk_coding_handle* h, void* coder, pk_coding_step* st) {
    toy_coder* c = (toy_coder*)coder;
    (void)h;
    st->consumed = st->produced = 0;
    for (;;) { /* withholds the last byte, as encoders do, unless flushed */
        int last = st->consumed == st->input.size;
        if (c->has_held && (!last || st->mode != PK_CODING_RUN)) {
            if (st->produced + 2 > st->output_size) return PK_CODING_MORE_OUTPUT;
            st->output[st->produced++] = c->held;
            st->output[st->produced++] = c->held;
            c->has_held = 0;
        }
        if (last) break;
        c->held = st->input.data[st->consumed++];
        c->has_held = 1;
    }
    if (st->mode != PK_CODING_END) return PK_CODING_MORE_INPUT;
    if (st->produced == st->output_size) return PK_CODING_MORE_OUTPUT;
    if (!c->ended) st->output[st->produced++] = '.';
    c->ended = 1;
    return PK_CODING_FINISHED;
}
static void toy_close(const pk_coding_handle* h, void* coder) {
    (void)h, (void)coder;
    --open_coders;
}
static const pk_coding_handle toy = {
    sizeof(pk_coding_handle), 0, {"toy", 3}, toy_open, toy_run, toy_close};

/* ---- compress ---- */
typedef struct compress_state {
    void* coder;
} compress_state;

/* Consumes from `in`; *n: how much. Answers what the coder said last, or MORE_OUTPUT if emit
 * refused. */
static uint32_t code(pk_stream* s, pk_str in, uint32_t mode, uint64_t* n) {
    compress_state* st = (compress_state*)s->state;
    char out[64];
    uint32_t answer;
    *n = 0;
    do {
        /* Asked before the step: what came out must be taken. */
        if (s->api->emit(s, PK_RESPONSE, str(""), 0) != PK_OK) return PK_CODING_MORE_OUTPUT;
        pk_coding_step step = {sizeof step, mode, {in.data + *n, in.size - *n}, out, sizeof out,
                               0,           0};
        answer = toy.run(&toy, st->coder, &step);
        *n += step.consumed;
        pk_str made = {out, step.produced};
        if (s->api->emit(s, PK_RESPONSE, made, mode == PK_CODING_FLUSH ? PK_DATA_FLUSH : 0) !=
            PK_OK)
            CHECK(0); /* a plugin leaves 64 bytes of its 256 KiB, or keeps what was refused */
    } while (answer == PK_CODING_MORE_OUTPUT && s->api->queued(s, PK_RESPONSE) < MARK);
    return answer;
}
static pk_verdict compress_head(pk_stream* s) {
    compress_state* st = (compress_state*)s->state;
    if (s->api->status(s) == 101) return PK_NEXT;
    if (toy.open(&toy, PK_CODING_ENCODE, -1, &st->coder) != PK_OK) return PK_NEXT;
    s->api->transform(s, PK_RESPONSE, -1);
    s->api->set_field(s, PK_FIELDS_RESPONSE, PK_FIELD_CONTENT_ENCODING, str("content-encoding"),
                      toy.token);
    return PK_NEXT;
}
static uint64_t compress_data(pk_stream* s, const pk_slice_view* v, uint32_t flags) {
    uint64_t taken = 0;
    if (((compress_state*)s->state)->coder == NULL) return view_size(v);
    if (view_size(v) == 0) { /* only a FLUSH */
        code(s, str(""), PK_CODING_FLUSH, &taken);
        return 0;
    }
    for (uint32_t i = 0; i < v->count; ++i) {
        uint64_t n = 0;
        int flush = (flags & PK_DATA_FLUSH) && i + 1 == v->count;
        pk_str in = {v->first[i].data, v->first[i].size};
        uint32_t answer = code(s, in, flush ? PK_CODING_FLUSH : PK_CODING_RUN, &n);
        taken += n;
        if (answer == PK_CODING_MORE_OUTPUT) break; /* drained leads back here, with the rest */
    }
    return taken;
}
static pk_verdict compress_end(pk_stream* s) {
    uint64_t n = 0;
    if (((compress_state*)s->state)->coder == NULL) return PK_NEXT;
    return code(s, str(""), PK_CODING_END, &n) == PK_CODING_FINISHED ? PK_NEXT : PK_WAIT;
}
static void compress_drained(pk_stream* s, uint32_t d) {
    s->api->resume(s, d);
}
static pk_verdict compress_resumed(pk_stream* s, uint32_t d) {
    return d == PK_RESPONSE ? compress_end(s) : PK_NEXT;
}
static void compress_stream_end(pk_stream* s, uint32_t cause) {
    compress_state* st = (compress_state*)s->state;
    (void)cause;
    if (st->coder != NULL) toy.close(&toy, st->coder);
}
static uint32_t compress_interest(void* i) {
    (void)i;
    return PK_ON_RESPONSE_HEADERS | PK_ON_RESPONSE_DATA | PK_ON_RESPONSE_END | PK_ON_STREAM_END;
}
static const pk_http_filter compress = {sizeof(pk_http_filter),
                                        sizeof(compress_state),
                                        NULL,
                                        compress_interest,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL,
                                        compress_head,
                                        compress_data,
                                        compress_end,
                                        NULL,
                                        compress_drained,
                                        compress_stream_end,
                                        compress_resumed};

static worker w;
static exchange x;
static void ask(void) {
    worker_start(&w);
    exchange_start(&x, &w, "GET", "/");
    add_filter(&x, "z", &compress, NULL);
    client_head(&x);
    client_finish(&x);
    origin_head(&x, 200);
}

int main(void) {
    ask();
    origin_data(&x, "ab", 2, 0);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "aa"); /* withheld */
    origin_data(&x, "", 0, PK_DATA_FLUSH);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "aabb"); /* a FLUSH without bytes */
    origin_data(&x, "cd", 2, PK_DATA_FLUSH);
    run(&x);
    CHECK_TEXT(x.client.at, x.client.size, "aabbccdd"); /* server-sent events go out at once */
    origin_finish(&x);
    CHECK_TEXT(x.client.at, x.client.size, "aabbccdd.");
    CHECK(x.client_end && open_coders == 0);
    exchange_free(&x);

    static char big[200000];
    memset(big, 'x', sizeof big);
    ask();
    x.window[PK_RESPONSE] = 0;
    origin_data(&x, big, sizeof big, 0);
    origin_finish(&x);
    CHECK(x.sink[PK_RESPONSE].size < MARK + 256 && !x.ended); /* bounded, whatever comes in */
    x.window[PK_RESPONSE] = UINT64_MAX;
    run(&x);
    CHECK(x.client.size == 2 * sizeof big + 1 && x.client_end && open_coders == 0);
    exchange_free(&x);

    ask();
    origin_data(&x, "ab", 2, 0);
    run(&x);
    client_gone(&x); /* in the middle */
    CHECK(open_coders == 0);
    exchange_free(&x);
    return check_failures();
}

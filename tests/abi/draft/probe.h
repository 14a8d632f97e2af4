/* A filter of which a test says what each hook does: `act` answers a verdict, `take` the bytes
 * taken. */
#ifndef PKERNEL_TESTS_ABI_PROBE_H
#define PKERNEL_TESTS_ABI_PROBE_H

#include "check.h"
#include "host.h"

enum {
    AT_REQUEST_HEADERS = 1,
    AT_REQUEST_END,
    AT_REQUEST_COLLECTED,
    AT_INFORMATIONAL,
    AT_RESPONSE_HEADERS,
    AT_RESPONSE_END,
    AT_RESPONSE_COLLECTED,
    AT_RESUMED,
    AT_DRAINED,
    AT_STREAM_END
};

typedef struct probe {
    uint32_t interest;
    pk_verdict (*act)(pk_stream* s, int at, uint32_t direction);
    uint64_t (*take)(pk_stream* s, uint32_t direction, const pk_slice_view* data, uint32_t flags);
} probe;

static inline pk_verdict probe_act(pk_stream* s, int at, uint32_t d) {
    const probe* p = (const probe*)s->instance;
    return p->act == NULL ? PK_NEXT : p->act(s, at, d);
}
static inline uint64_t view_size(const pk_slice_view* v) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < v->count; ++i)
        n += ((const pk_slice*)(const void*)((const char*)v->first + i * v->stride))->size;
    return n;
}
static inline uint64_t probe_take(pk_stream* s, uint32_t d, const pk_slice_view* v, uint32_t f) {
    const probe* p = (const probe*)s->instance;
    return p->take == NULL ? view_size(v) : p->take(s, d, v, f);
}
static uint32_t probe_interest(void* i) {
    return ((const probe*)i)->interest;
}
static pk_verdict probe_rqh(pk_stream* s) {
    return probe_act(s, AT_REQUEST_HEADERS, 0);
}
static uint64_t probe_rqd(pk_stream* s, const pk_slice_view* v, uint32_t f) {
    return probe_take(s, PK_REQUEST, v, f);
}
static pk_verdict probe_rqe(pk_stream* s) {
    return probe_act(s, AT_REQUEST_END, 0);
}
static pk_verdict probe_rqc(pk_stream* s) {
    return probe_act(s, AT_REQUEST_COLLECTED, 0);
}
static pk_verdict probe_inf(pk_stream* s) {
    return probe_act(s, AT_INFORMATIONAL, 1);
}
static pk_verdict probe_rsh(pk_stream* s) {
    return probe_act(s, AT_RESPONSE_HEADERS, 1);
}
static uint64_t probe_rsd(pk_stream* s, const pk_slice_view* v, uint32_t f) {
    return probe_take(s, PK_RESPONSE, v, f);
}
static pk_verdict probe_rse(pk_stream* s) {
    return probe_act(s, AT_RESPONSE_END, 1);
}
static pk_verdict probe_rsc(pk_stream* s) {
    return probe_act(s, AT_RESPONSE_COLLECTED, 1);
}
static void probe_drained(pk_stream* s, uint32_t d) {
    probe_act(s, AT_DRAINED, d);
}
static void probe_end(pk_stream* s, uint32_t cause) {
    probe_act(s, AT_STREAM_END, cause);
}
static pk_verdict probe_resumed(pk_stream* s, uint32_t d) {
    return probe_act(s, AT_RESUMED, d);
}

static const pk_http_filter probe_filter = {sizeof(pk_http_filter),
                                            64,
                                            NULL,
                                            probe_interest,
                                            NULL,
                                            probe_rqh,
                                            probe_rqd,
                                            probe_rqe,
                                            probe_rqc,
                                            probe_inf,
                                            probe_rsh,
                                            probe_rsd,
                                            probe_rse,
                                            probe_rsc,
                                            probe_drained,
                                            probe_end,
                                            probe_resumed};

static const pk_field_view no_fields = {NULL, 0, sizeof(pk_field)};
static const uint32_t all_hooks = 255;

static inline int reply_with(pk_stream* s, uint32_t status, const char* body) {
    return (int)s->api->reply(s, status, no_fields, str(body));
}

#endif

/* The script's side of the scripted host: the client, the origin, and the chain. */
#include <stdlib.h>

#include "check.h"
#include "host_inside.h"

void exchange_start(exchange* x, worker* w, const char* method, const char* path) {
    memset(x, 0, sizeof *x);
    x->on = w;
    x->request.size = sizeof(pk_request);
    x->request.method = str(method);
    x->request.path = str(path);
    x->request.content_length = -1;
    x->window[0] = x->window[1] = UINT64_MAX;
}

void exchange_free(exchange* x) {
    end_stream(x, PK_END_SHUTDOWN);
    for (int i = 0; i < PLACES; ++i)
        for (int d = 0; d < 2; ++d) {
            bytes_clear(&x->places[i].lanes[d].in);
            bytes_clear(&x->places[i].lanes[d].collected);
        }
    for (size_t i = 0; i < x->allocation_count; ++i) free(x->allocations[i]);
    free(x->allocations);
    bytes_clear(&x->client);
    bytes_clear(&x->origin);
    bytes_clear(&x->reply_body);
    bytes_clear(&x->sink[0]);
    bytes_clear(&x->sink[1]);
}

static place* add(exchange* x, const char* name, void* instance, uint32_t state_size) {
    for (int i = 0; i < x->count; ++i) /* rule of reroute: not twice the same instance */
        if (x->places[i].saw && instance != NULL && x->places[i].handle.instance == instance)
            return &x->places[i];
    place* p = &x->places[x->count];
    memset(p, 0, sizeof *p);
    p->of = x;
    p->index = x->count++;
    p->name = name;
    p->handle.api = &stream_api;
    p->handle.instance = instance;
    p->handle.state = keep(x, state_size);
    return p;
}
place* add_filter(exchange* x, const char* name, const pk_http_filter* f, void* instance) {
    place* p = add(x, name, instance, f->state_size);
    p->filter = f;
    p->interest = f->interest(instance);
    return p;
}
place* add_handler(exchange* x, const char* name, const pk_handler* h, void* instance) {
    place* p = add(x, name, instance, h->state_size);
    p->handler = h;
    return p;
}
place* add_tunnel(exchange* x, const char* name, const pk_tunnel* t, void* instance) {
    place* p = add(x, name, instance, t->state_size);
    p->tunnel = t;
    return p;
}

static void add_field(exchange* x, uint32_t which, uint32_t id, const char* name,
                      const char* value) {
    fake_field_list* l = &x->fields[which];
    pk_field f = {keep_text(x, str(name)), keep_text(x, str(value)), id, 0};
    l->at[l->count++] = f;
}
void client_field(exchange* x, uint32_t id, const char* name, const char* value) {
    add_field(x, PK_FIELDS_REQUEST, id, name, value);
}
void origin_field(exchange* x, uint32_t id, const char* name, const char* value) {
    add_field(x, PK_FIELDS_RESPONSE, id, name, value);
}
const char* field_of(exchange* x, uint32_t which, const char* name) {
    fake_field_list* l = &x->fields[which];
    for (uint32_t i = 0; i < l->count; ++i)
        if (same(l->at[i].name, name)) return l->at[i].value.data;
    return "";
}

void client_head(exchange* x) {
    x->places[0].lanes[PK_REQUEST].head = 1;
    x->begun = 1;
}
void client_data(exchange* x, const char* data, size_t size, uint32_t flags) {
    if (x->request_over || x->ended) return; /* drained by the kernel */
    lane* l = &x->places[0].lanes[PK_REQUEST];
    bytes_add(&l->in, data, size);
    l->flush |= flags;
}
void client_finish(exchange* x) {
    x->places[0].lanes[PK_REQUEST].end = 1;
    run(x);
}
void client_gone(exchange* x) {
    end_stream(x, PK_END_CLIENT_ABORT);
}

void origin_informational(exchange* x, uint32_t status) {
    uint32_t final = x->status;
    x->status = status;
    for (int i = x->count - 1; i >= 0; --i) {
        place* p = &x->places[i];
        if (p->filter == NULL || (p->interest & PK_ON_INFORMATIONAL) == 0) continue;
        enter(p, "informational", -1);
        pk_verdict v = p->filter->informational(&p->handle);
        x->status = final;
        if (leave(p) || v != PK_NEXT) return;
        x->status = status;
    }
    x->status = final;
    x->client_1xx = status;
}

/* The lane that the origin writes to: that of the last place. */
static lane* from_origin(exchange* x) {
    return &x->places[x->count - 1].lanes[PK_RESPONSE];
}

void origin_head(exchange* x, uint32_t status) {
    if (x->response_came || x->ended) return;
    x->response_came = 1;
    x->status = status;
    if (status == 101) x->tunnel = 1;
    from_origin(x)->head = 1;
}
void origin_data(exchange* x, const char* data, size_t size, uint32_t flags) {
    if (x->origin_cut || x->ended) return;
    bytes_add(&from_origin(x)->in, data, size);
    from_origin(x)->flush |= flags;
}
void origin_finish(exchange* x) {
    if (!x->origin_cut && !x->ended) from_origin(x)->end = x->origin_done = 1;
    run(x);
}
void origin_fails(exchange* x) {
    pk_str none = {NULL, 0};
    int index = x->count;
    if (x->response_came) {
        for (index = x->count - 1; index >= 0; --index)
            if (held(&x->places[index], PK_RESPONSE)) break;
        if (index < 0) {
            end_stream(x, PK_END_ORIGIN_ABORT);
            return;
        }
    }
    reply_at(x, index, 502, none, 0);
}

void tunnel_limit(exchange* x, uint32_t which) {
    place* p = &x->places[x->count - 1];
    enter(p, "limit", -1);
    p->tunnel->limit(&p->handle, which);
    leave(p);
}
void tunnel_drain(exchange* x, uint64_t deadline_ns) {
    place* p = &x->places[x->count - 1];
    enter(p, "drain", -1);
    p->tunnel->drain(&p->handle, deadline_ns);
    leave(p);
}

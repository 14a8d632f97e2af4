/* stream.h as the scripted host offers it: everything records or answers; host_run.c acts. */
#include <stdlib.h>

#include "check.h"
#include "host_inside.h"

place* place_of(pk_stream* s) {
    return (place*)s;
}

lane* after(place* p, int direction) {
    int next = p->index + (direction == PK_REQUEST ? 1 : -1);
    if (next < 0 || next >= p->of->count) return NULL;
    return &p->of->places[next].lanes[direction];
}

uint64_t waiting_after(place* p, int direction) {
    lane* next = after(p, direction);
    return next != NULL ? next->in.size : p->of->sink[direction].size;
}

void pass_bytes(place* p, int direction, const char* at, size_t size, uint32_t flags) {
    lane* next = after(p, direction);
    if (next != NULL) {
        next->flush |= flags;
        bytes_add(&next->in, at, size);
    } else {
        bytes_add(&p->of->sink[direction], at, size);
    }
}

int held(const place* p, int direction) {
    return p->lanes[direction].head && !p->lanes[direction].head_gone && !p->out;
}

void* keep(exchange* x, size_t size) {
    x->allocations = (void**)realloc(x->allocations, (x->allocation_count + 1) * sizeof(void*));
    x->allocations[x->allocation_count] = calloc(1, size + 16);
    return x->allocations[x->allocation_count++];
}
pk_str keep_text(exchange* x, pk_str text) {
    pk_str out = {NULL, text.size};
    char* at = (char*)keep(x, text.size);
    if (text.size != 0) memcpy(at, text.data, text.size);
    out.data = at;
    return out;
}

static int field_is(const pk_field* f, uint32_t id, pk_str name) {
    if (id != PK_FIELD_OTHER) return f->id == id;
    return f->name.size == name.size && memcmp(f->name.data, name.data, name.size) == 0;
}
static const pk_field* field_at(pk_field_view v, uint32_t i) {
    return (const pk_field*)(const void*)((const char*)v.first + (size_t)i * v.stride);
}
void copy_fields(exchange* x, fake_field_list* to, pk_field_view from) {
    to->count = 0;
    for (uint32_t i = 0; i < from.count && i < FIELDS; ++i) {
        to->at[i] = *field_at(from, i);
        to->at[i].name = keep_text(x, to->at[i].name);
        to->at[i].value = keep_text(x, to->at[i].value);
        ++to->count;
    }
}

static const pk_request* api_request(pk_stream* s) {
    return &place_of(s)->of->request;
}
static pk_field_view api_fields(pk_stream* s, uint32_t which) {
    fake_field_list* l = &place_of(s)->of->fields[which];
    pk_field_view v = {l->at, l->count, sizeof(pk_field)};
    return v;
}
static const pk_field* api_find(pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                                uint32_t* index) {
    fake_field_list* l = &place_of(s)->of->fields[which];
    for (uint32_t i = *index; i < l->count; ++i)
        if (field_is(&l->at[i], id, name)) {
            *index = i + 1;
            return &l->at[i];
        }
    *index = l->count;
    return NULL;
}

/* Whether fields of that kind may be changed by this place now (rule 1). */
static int may_change(place* p, uint32_t which) {
    lane* l = &p->lanes[which >= PK_FIELDS_RESPONSE];
    if (p->out || which > PK_FIELDS_RESPONSE_TRAILERS) return 0;
    if (which == PK_FIELDS_REQUEST || which == PK_FIELDS_RESPONSE) return l->head && !l->head_gone;
    return l->end && !l->end_gone;
}
static pk_status api_add_field(pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                               pk_str value) {
    place* p = place_of(s);
    if (!may_change(p, which)) return PK_WRONG_STATE;
    if (id == PK_FIELD_HOST || id == PK_FIELD_CONTENT_LENGTH) return PK_INVALID;
    if (value.size != 0 && (memchr(value.data, '\n', value.size) != NULL)) return PK_INVALID;
    fake_field_list* l = &p->of->fields[which];
    if (l->count == FIELDS) return PK_NO_MEMORY;
    pk_field f = {keep_text(p->of, name), keep_text(p->of, value), id, 0};
    l->at[l->count++] = f;
    return PK_OK;
}
static pk_status api_remove_field(pk_stream* s, uint32_t which, uint32_t id, pk_str name) {
    place* p = place_of(s);
    if (!may_change(p, which)) return PK_WRONG_STATE;
    fake_field_list* l = &p->of->fields[which];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->count; ++i)
        if (!field_is(&l->at[i], id, name)) l->at[kept++] = l->at[i];
    pk_status answer = kept < l->count ? PK_OK : PK_NOT_FOUND;
    l->count = kept;
    return answer;
}
static pk_status api_set_field(pk_stream* s, uint32_t which, uint32_t id, pk_str name,
                               pk_str value) {
    pk_status answer = api_remove_field(s, which, id, name);
    return answer == PK_WRONG_STATE ? answer : api_add_field(s, which, id, name, value);
}
static pk_status api_set_part(pk_stream* s, uint32_t part, pk_str value) {
    place* p = place_of(s);
    if (!held(p, PK_REQUEST)) return PK_WRONG_STATE;
    if (part == PK_PART_PATH) p->of->request.path = keep_text(p->of, value);
    return PK_OK;
}
static pk_status api_set_client(pk_stream* s, const pk_address* client) {
    place_of(s)->of->request.client = *client;
    return PK_OK;
}
static uint32_t api_status(pk_stream* s) {
    return place_of(s)->of->status;
}
static pk_status api_set_status(pk_stream* s, uint32_t status) {
    if (!held(place_of(s), PK_RESPONSE)) return PK_WRONG_STATE;
    place_of(s)->of->status = status;
    return PK_OK;
}

static pk_status record_reply(pk_stream* s, uint32_t status, pk_field_view fields, pk_str body,
                              int streams) {
    place* p = place_of(s);
    exchange* x = p->of;
    if (x->ended || p->out || p->responder || x->want_reply || x->want_reset) return PK_WRONG_STATE;
    if (p->lanes[PK_RESPONSE].head_gone || x->tunnel == 2) return PK_WRONG_STATE;
    if (status < 200 || status > 599) return PK_INVALID;
    x->want_reply = 1;
    x->replier = p;
    x->reply_status = status;
    x->reply_streams = streams;
    copy_fields(x, &x->reply_fields, fields);
    bytes_clear(&x->reply_body);
    bytes_add(&x->reply_body, body.data, body.size);
    if (streams) p->responded_now = 1;
    return PK_OK;
}
static pk_status api_reply(pk_stream* s, uint32_t status, pk_field_view fields, pk_str body) {
    return record_reply(s, status, fields, body, 0);
}
static pk_status api_respond(pk_stream* s, uint32_t status, pk_field_view fields, int64_t length) {
    pk_str none = {NULL, 0};
    (void)length;
    return record_reply(s, status, fields, none, 1);
}
static void api_reset(pk_stream* s, uint32_t cause) {
    exchange* x = place_of(s)->of;
    if (x->ended || x->want_reset) return;
    x->want_reset = 1;
    x->reset_cause = cause;
}
static void api_resume(pk_stream* s, uint32_t direction) {
    place* p = place_of(s);
    int inside = p->of->running == p && p->of->running_direction == (int)direction;
    if (inside || p->lanes[direction].waits != WAITS_NOT) p->lanes[direction].resumed = 1;
    if (p->handler != NULL && direction == PK_RESPONSE) p->woken = 1;
}
static pk_status api_transform(pk_stream* s, uint32_t direction, int64_t length) {
    place* p = place_of(s);
    (void)length;
    if (!held(p, (int)direction)) return PK_WRONG_STATE;
    if (p->of->tunnel && direction == PK_RESPONSE && p->tunnel == NULL) return PK_WRONG_STATE;
    p->lanes[direction].transform = 1;
    return PK_OK;
}

static int emits(place* p, uint32_t direction) {
    lane* l = &p->lanes[direction];
    if (p->of->want_reset || p->of->ended || l->finished) return 0;
    if (p->responder || p->responded_now) return direction == PK_RESPONSE;
    if (p->out || p->of->want_reply) return 0;
    if (p->tunnel != NULL) return p->of->tunnel == 2 && !l->end_gone && l->interest != 0;
    return l->transform && !l->end_gone;
}
static pk_status api_emit(pk_stream* s, uint32_t direction, pk_str bytes_, uint32_t flags) {
    place* p = place_of(s);
    exchange* x = p->of;
    if (!emits(p, direction)) return PK_WRONG_STATE;
    p->lanes[direction].owes_drained = 1;
    if (x->began_over[direction] || x->emitted[direction] + bytes_.size > CALLBACK_MAX)
        return PK_NO_MEMORY;
    x->emitted[direction] += bytes_.size;
    if (p->responded_now) /* goes out when the head does, after the callback */
        bytes_add(&x->reply_body, bytes_.data, bytes_.size);
    else
        pass_bytes(p, (int)direction, bytes_.data, bytes_.size, flags);
    return PK_OK;
}
static pk_status api_emit_slices(pk_stream* s, uint32_t direction, pk_slice_view v,
                                 uint32_t flags) {
    for (uint32_t i = 0; i < v.count; ++i) {
        const pk_slice* at = (const pk_slice*)(const void*)((const char*)v.first + i * v.stride);
        pk_str text = {at->data, at->size};
        pk_status answer = api_emit(s, direction, text, flags);
        if (answer != PK_OK) return answer;
    }
    return PK_OK;
}
static uint64_t api_queued(pk_stream* s, uint32_t direction) {
    return waiting_after(place_of(s), (int)direction);
}
static pk_status api_retain(pk_stream* s, const pk_slice* slice) {
    (void)s;
    return slice->block != NULL ? PK_OK : PK_INVALID;
}
static void api_release(pk_stream* s, const pk_slice* slice) {
    (void)s, (void)slice;
}
static pk_status api_collect(pk_stream* s, uint32_t direction, uint64_t limit, uint32_t overflow) {
    lane* l = &place_of(s)->lanes[direction];
    if (!held(place_of(s), (int)direction) || l->collecting > 1) return PK_WRONG_STATE;
    l->collecting = 1;
    l->limit = limit;
    l->overflow = overflow;
    return PK_OK;
}
static pk_slice_view api_collected(pk_stream* s, uint32_t direction, uint32_t* complete) {
    place* p = place_of(s);
    lane* l = &p->lanes[direction];
    pk_slice* slice = (pk_slice*)keep(p->of, sizeof(pk_slice));
    slice->data = l->collected.at;
    slice->size = l->complete == PK_COLLECTED_SPILLED && l->collected.size > l->limit
                      ? l->limit
                      : l->collected.size;
    slice->block = (void*)1;
    pk_slice_view v = {slice, slice->size != 0, sizeof(pk_slice)};
    *complete = l->complete;
    return v;
}
static void* api_allocate(pk_stream* s, uint64_t size, uint64_t align) {
    (void)align;
    return keep(place_of(s)->of, size);
}
static pk_status api_annotate(pk_stream* s, pk_str key, pk_str value) {
    (void)s, (void)key, (void)value;
    return PK_OK;
}
static pk_status api_finish(pk_stream* s, uint32_t direction, pk_field_view trailers) {
    place* p = place_of(s);
    if (!emits(p, direction)) return PK_WRONG_STATE;
    lane* l = &p->lanes[direction];
    l->finished = p->responded_now ? 2 : 1;
    copy_fields(p->of, &p->of->fields[direction == PK_REQUEST ? 1 : 3], trailers);
    if (p->handler != NULL) p->of->request_over = 1;
    if (p->responded_now) return PK_OK; /* with the head, after the callback */
    lane* next = after(p, (int)direction);
    if (next != NULL)
        next->end = 1;
    else
        p->of->sink_end[direction] = 1;
    return PK_OK;
}
static pk_status api_reroute(pk_stream* s) {
    place* p = place_of(s);
    if (!held(p, PK_REQUEST) || p->lanes[PK_REQUEST].collecting != 0) return PK_WRONG_STATE;
    if (p->of->reroutes == 3) return PK_NO_MEMORY;
    p->of->want_reroute = 1;
    p->of->rerouter = p;
    return PK_OK;
}
static pk_status api_emit_owned(pk_stream* s, uint32_t direction, pk_str bytes_, uint32_t flags,
                                void (*unused)(void*), void* arg) {
    pk_status answer = api_emit(s, direction, bytes_, flags);
    if (answer == PK_OK) unused(arg); /* this host copies, so it is unused at once */
    return answer;
}

const pk_stream_api stream_api = {sizeof(pk_stream_api),
                                  0,
                                  api_request,
                                  api_fields,
                                  api_find,
                                  api_set_field,
                                  api_add_field,
                                  api_remove_field,
                                  api_set_part,
                                  api_set_client,
                                  api_status,
                                  api_set_status,
                                  api_reply,
                                  api_reset,
                                  api_resume,
                                  api_transform,
                                  api_emit,
                                  api_emit_slices,
                                  api_queued,
                                  api_retain,
                                  api_release,
                                  api_collect,
                                  api_collected,
                                  api_allocate,
                                  api_annotate,
                                  api_respond,
                                  api_finish,
                                  api_reroute,
                                  api_emit_owned};

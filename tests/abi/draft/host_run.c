/* What happens after each callback, and what moves next. */
#include <stdlib.h>

#include "check.h"
#include "host_inside.h"

void forget(exchange* x);

void enter(place* p, const char* hook, int direction) {
    exchange* x = p->of;
    size_t at = strlen(x->calls);
    if (x->on->depth != 0 || x->ended == 2) {
        fprintf(stderr, "host: %s.%s called at the wrong time\n", p->name, hook);
        abort();
    }
    ++x->on->depth;
    x->running = p;
    x->running_direction = direction;
    for (int d = 0; d < 2; ++d) {
        x->emitted[d] = 0;
        x->began_over[d] = waiting_after(p, d) >= MARK;
    }
    snprintf(x->calls + at, sizeof x->calls - at, "%s%s.%s", at == 0 ? "" : " ", p->name, hook);
}

void end_stream(exchange* x, uint32_t cause) {
    if (x->ended) return;
    x->ended = 1;
    x->cause = cause;
    if (x->origin_asked && !x->origin_done) x->origin_cut = 1;
    for (int i = 0; i < x->count; ++i) {
        place* p = &x->places[i];
        if (!p->saw) continue;
        enter(p, "stream_end", -1);
        if (p->filter != NULL && p->filter->stream_end != NULL)
            p->filter->stream_end(&p->handle, cause);
        if (p->handler != NULL && p->handler->stream_end != NULL)
            p->handler->stream_end(&p->handle, cause);
        if (p->tunnel != NULL && p->tunnel->stream_end != NULL)
            p->tunnel->stream_end(&p->handle, cause);
        --x->on->depth;
        x->running = NULL;
    }
    x->ended = 2;
    forget(x);
}

static void arrive_head(exchange* x, int direction, int from_index) {
    /* The head leaves the place `from_index` (or an end of the chain) in that direction. */
    int next = from_index + (direction == PK_REQUEST ? 1 : -1);
    if (next >= 0 && next < x->count) {
        x->places[next].lanes[direction].head = 1;
    } else if (direction == PK_REQUEST) {
        x->origin_asked = 1;
    } else {
        x->client_status = x->status;
    }
}

/* The request is over for everyone, and everything from `index` on is out. */
static void end_request(exchange* x, int index) {
    x->request_over = 1;
    x->tunnel = 0;
    if (x->origin_asked && !x->origin_done) x->origin_cut = 1;
    for (int i = 0; i < x->count; ++i) {
        place* p = &x->places[i];
        if (i >= index) p->out = 1;
        for (int d = 0; d < 2; ++d) {
            bytes_clear(&p->lanes[d].in);
            p->lanes[d].waits = WAITS_NOT;
        }
        p->lanes[PK_RESPONSE].head = p->lanes[PK_RESPONSE].end = 0;
    }
    bytes_clear(&x->sink[PK_RESPONSE]);
    bytes_clear(&x->sink[PK_REQUEST]);
}

void reply_at(exchange* x, int index, uint32_t status, pk_str body, int streams) {
    int handler = index < x->count && x->places[index].handler != NULL;
    if (!handler || !streams)
        end_request(x, index); /* a handler's respond lets the request go on */
    x->sink_end[PK_RESPONSE] = 0;
    x->fields[PK_FIELDS_RESPONSE_TRAILERS].count = 0;
    x->status = status;
    x->response_came = 1;
    arrive_head(x, PK_RESPONSE, index);
    if (index < x->count || index == x->count) {
        place edge;
        memset(&edge, 0, sizeof edge);
        edge.of = x;
        edge.index = index;
        if (body.size != 0) pass_bytes(&edge, PK_RESPONSE, body.data, body.size, 0);
        if (!streams) {
            lane* next = after(&edge, PK_RESPONSE);
            if (next != NULL)
                next->end = 1;
            else
                x->sink_end[PK_RESPONSE] = 1;
        }
    }
}

void breach(place* p) {
    exchange* x = p->of;
    pk_str none = {NULL, 0};
    if (x->client_status != 0 || p->lanes[PK_RESPONSE].head_gone)
        end_stream(x, PK_END_PLUGIN_ERROR);
    else
        reply_at(x, p->index, 500, none, 0);
}

int leave(place* p) {
    exchange* x = p->of;
    --x->on->depth;
    x->running = NULL;
    if (x->want_reset) {
        x->want_reset = x->want_reply = 0;
        end_stream(x, x->reset_cause);
        return 1;
    }
    if (x->want_reply) {
        place* by = x->replier;
        int finished = by->lanes[PK_RESPONSE].finished == 2;
        pk_str body = {x->reply_body.at, x->reply_body.size};
        x->want_reply = by->responded_now = 0;
        x->fields[PK_FIELDS_RESPONSE] = x->reply_fields;
        fake_field_list trailers = x->fields[PK_FIELDS_RESPONSE_TRAILERS];
        reply_at(x, by->index, x->reply_status, body, x->reply_streams && !finished);
        if (finished) x->fields[PK_FIELDS_RESPONSE_TRAILERS] = trailers;
        by->responder = x->reply_streams;
        by->lanes[PK_RESPONSE].owes_drained = x->reply_streams;
        return 1;
    }
    return x->ended != 0;
}

static void let_head_go(place* p, int d) {
    exchange* x = p->of;
    lane* l = &p->lanes[d];
    l->head_gone = 1;
    if (d == PK_REQUEST && x->want_reroute && x->rerouter == p) {
        x->want_reroute = 0;
        ++x->reroutes;
        x->count = p->index + 1;
        x->rerouted(x);
    }
    if (p->handler == NULL) arrive_head(x, d, p->index);
    if (p->tunnel != NULL && d == PK_RESPONSE && x->tunnel == 1) x->tunnel = 2;
    if (l->collecting == 2) {
        l->collecting = 3;
        if (!l->transform && p->handler == NULL)
            pass_bytes(p, d, l->collected.at, l->collected.size, 0);
        bytes_clear(&l->collected);
    }
}

static void let_end_go(place* p, int d) {
    lane* l = &p->lanes[d];
    l->end_gone = 1;
    if (l->finished || p->handler != NULL) return;
    lane* next = after(p, d);
    if (next != NULL)
        next->end = 1;
    else
        p->of->sink_end[d] = 1;
}

/* Applies the verdict of a hook that stands for `kind` (a WAITS_...). */
static void judge(place* p, int d, int kind, pk_verdict v) {
    lane* l = &p->lanes[d];
    int collects = l->collecting == 1;
    if (leave(p)) {
        if (p->handler != NULL) l->head_gone = 1; /* its request goes on after respond */
        return;
    }
    if (v == PK_COLLECT && kind == WAITS_HEAD && collects) return; /* step() gathers */
    if (kind == WAITS_HEAD) l->collecting = 0;
    switch (v) {
        case PK_NEXT:
            l->resumed = 0;
            if (kind == WAITS_END) let_end_go(p, d);
            if (kind == WAITS_HEAD || kind == WAITS_COLLECTED) let_head_go(p, d);
            return;
        case PK_WAIT:
            l->waits = kind;
            return; /* l->resumed may be set: resume() was called inside */
        default:
            breach(p);
    }
}

static pk_verdict call_head(place* p, int d) {
    p->saw = 1;
    if (p->handler != NULL) {
        enter(p, "request", d);
        pk_verdict v = p->handler->request(&p->handle);
        /* A handler's wait holds nothing. */
        return v == PK_WAIT || (v == PK_DONE && p->of->want_reply) ? PK_NEXT : v;
    }
    if (p->tunnel != NULL && d == PK_REQUEST) {
        enter(p, "judge", d);
        return p->tunnel->judge(&p->handle);
    }
    if (p->tunnel != NULL) {
        if (p->of->tunnel != 1) {
            enter(p, "pass", d);
            return PK_NEXT;
        }
        enter(p, "accepted", d);
        return p->tunnel->accepted(&p->handle);
    }
    pk_verdict (*hook)(pk_stream*) =
        d == PK_REQUEST ? p->filter->request_headers : p->filter->response_headers;
    uint32_t bit = d == PK_REQUEST ? PK_ON_REQUEST_HEADERS : PK_ON_RESPONSE_HEADERS;
    if (hook == NULL || (p->interest & bit) == 0) {
        ++p->of->on->depth;
        return PK_NEXT;
    }
    enter(p, d == PK_REQUEST ? "request_headers" : "response_headers", d);
    return hook(&p->handle);
}

static void call_collected(place* p, int d, uint32_t complete) {
    lane* l = &p->lanes[d];
    pk_verdict v = PK_NEXT;
    l->collecting = 2;
    l->complete = complete;
    enter(p, "collected", d);
    if (p->handler != NULL)
        p->handler->collected(&p->handle); /* Its verdict says nothing here. */
    else
        v = d == PK_REQUEST ? p->filter->request_collected(&p->handle)
                            : p->filter->response_collected(&p->handle);
    judge(p, d, WAITS_COLLECTED, v);
}

static int step_collect(place* p, int d) {
    lane* l = &p->lanes[d];
    pk_str none = {NULL, 0};
    int over = l->collected.size + l->in.size > l->limit;
    if (over && l->overflow == PK_OVERFLOW_REJECT) {
        reply_at(p->of, p->index, d == PK_REQUEST ? 413 : 502, none, 0);
        return 1;
    }
    if (over && l->overflow == PK_OVERFLOW_STREAM) {
        uint64_t room = l->limit - l->collected.size;
        bytes_add(&l->collected, l->in.at, room);
        bytes_drop(&l->in, room);
        call_collected(p, d, PK_COLLECTED_PART);
        return 1;
    }
    int moved = l->in.size != 0;
    bytes_add(&l->collected, l->in.at, l->in.size); /* spilled or not: one place here */
    bytes_clear(&l->in);
    if (!l->end) return moved;
    call_collected(p, d, l->collected.size > l->limit ? PK_COLLECTED_SPILLED : PK_COLLECTED_ALL);
    return 1;
}

static int call_data(place* p, int d) {
    lane* l = &p->lanes[d];
    uint32_t bit = d == PK_REQUEST ? PK_ON_REQUEST_DATA : PK_ON_RESPONSE_DATA;
    uint64_t (*hook)(pk_stream*, const pk_slice_view*, uint32_t) = NULL;
    bytes offered = l->in;
    uint32_t flags = l->flush;
    if (p->handler != NULL) hook = p->handler->data;
    if (p->filter != NULL && (p->interest & bit) != 0 && p->of->tunnel != 2)
        hook = d == PK_REQUEST ? p->filter->request_data : p->filter->response_data;
    uint64_t n = offered.size;
    memset(&l->in, 0, sizeof l->in); /* what the hook emits must not meet what it is shown */
    l->flush = 0;
    if (hook != NULL || (p->tunnel != NULL && l->interest != 0)) {
        pk_slice slices[2] = {
            {offered.at, offered.size / 2, (void*)1},
            {offered.at + offered.size / 2, offered.size - offered.size / 2, (void*)1}};
        pk_slice_view view = {slices, 2, sizeof(pk_slice)};
        enter(p, "data", d);
        n = p->tunnel != NULL ? p->tunnel->data(&p->handle, (uint32_t)d, &view, flags)
                              : hook(&p->handle, &view, flags);
        if (leave(p)) {
            bytes_clear(&offered);
            return 1;
        }
        if (n > offered.size) {
            bytes_clear(&offered);
            breach(p);
            return 1;
        }
    }
    if (!l->transform && p->handler == NULL) {
        if (p->tunnel != NULL && p->of->emitted[d] != 0 && l->interest != 0) {
            /* What was taken goes before what was emitted in the same call. */
            lane* next = after(p, d);
            bytes* to = next != NULL ? &next->in : &p->of->sink[d];
            size_t own = p->of->emitted[d];
            bytes put = {NULL, 0, 0};
            bytes_add(&put, to->at + to->size - own, own);
            to->size -= own;
            bytes_add(to, offered.at, n);
            bytes_add(to, put.at, put.size);
            bytes_clear(&put);
        } else {
            pass_bytes(p, d, offered.at, n, flags);
        }
        p->of->emitted[d] = 0;
    }
    bytes_drop(&offered, n);
    l->in = offered;
    if (offered.size != 0) {
        l->waits = WAITS_DATA;
        l->flush = flags;
    } else {
        l->resumed = 0;
    }
    return 1;
}

static int call_end(place* p, int d) {
    lane* l = &p->lanes[d];
    uint32_t bit = d == PK_REQUEST ? PK_ON_REQUEST_END : PK_ON_RESPONSE_END;
    pk_verdict (*hook)(pk_stream*) = NULL;
    if (p->handler != NULL) hook = p->handler->end;
    if (p->filter != NULL && (p->interest & bit) != 0 && p->of->tunnel != 2)
        hook = d == PK_REQUEST ? p->filter->request_end : p->filter->response_end;
    if (p->tunnel != NULL && p->of->tunnel == 2) {
        enter(p, d == PK_REQUEST ? "end_request" : "end_response", d);
        judge(p, d, WAITS_END, p->tunnel->end(&p->handle, (uint32_t)d));
        return 1;
    }
    if (hook == NULL) {
        let_end_go(p, d);
        return 1;
    }
    enter(p, d == PK_REQUEST ? "request_end" : "response_end", d);
    pk_verdict v = hook(&p->handle);
    if (p->handler != NULL) {
        l->end_gone = 1;
        leave(p);
        return 1;
    }
    judge(p, d, WAITS_END, v);
    return 1;
}

/* A wait that is over: the resumed hook's verdict stands for the one that waited. */
static int call_resumed(place* p, int d, int kind) {
    lane* l = &p->lanes[d];
    pk_verdict v = PK_NEXT;
    pk_verdict (*hook)(pk_stream*, uint32_t) = p->filter != NULL   ? p->filter->resumed
                                               : p->tunnel != NULL ? p->tunnel->resumed
                                                                   : NULL;
    l->resumed = 0;
    l->waits = WAITS_NOT;
    if (kind == WAITS_DATA) return 1; /* offered again */
    if (hook != NULL)
        enter(p, "resumed", d), v = hook(&p->handle, (uint32_t)d);
    else
        ++p->of->on->depth;
    if (kind == WAITS_NOT)
        leave(p);
    else
        judge(p, d, kind, v);
    return 1;
}

static int step_wake(place* p) {
    if (!p->woken) return 0;
    p->woken = 0;
    if (p->handler != NULL) {
        enter(p, "resumed", -1);
        p->handler->resumed(&p->handle);
        leave(p);
        return 1;
    }
    if (p->out && !p->responder) return 0;
    for (int d = 0; d < 2 && !p->of->ended; ++d)
        if (!p->out || (p->responder && d == PK_RESPONSE)) call_resumed(p, d, p->lanes[d].waits);
    return 1;
}

static int step_drained(place* p, int d) {
    lane* l = &p->lanes[d];
    if (!l->owes_drained || l->finished || waiting_after(p, d) >= MARK) return 0;
    if (p->out && !(p->responder && d == PK_RESPONSE)) return 0;
    l->owes_drained = 0;
    int offers = l->waits == WAITS_DATA;
    if (offers) l->resumed = 0, l->waits = WAITS_NOT; /* the rest is offered again */
    void (*hook)(pk_stream*, uint32_t) = p->filter != NULL   ? p->filter->drained
                                         : p->tunnel != NULL ? p->tunnel->drained
                                                             : NULL;
    if (p->handler != NULL && p->handler->drained != NULL) {
        enter(p, "drained", -1);
        p->handler->drained(&p->handle);
    } else if (hook != NULL) {
        enter(p, "drained", -1);
        hook(&p->handle, (uint32_t)d);
    } else {
        return offers;
    }
    leave(p);
    return 1;
}

static int step_lane(place* p, int d) {
    exchange* x = p->of;
    lane* l = &p->lanes[d];
    if (p->out || (d == PK_REQUEST && x->request_over)) return 0;
    if (l->waits != WAITS_NOT) return l->resumed ? call_resumed(p, d, l->waits) : 0;
    if (!l->head) return 0;
    if (!l->head_gone) {
        if (l->collecting == 1) return step_collect(p, d);
        if (l->collecting == 2) return 0;
        judge(p, d, WAITS_HEAD, call_head(p, d));
        return 1;
    }
    if (l->finished) bytes_clear(&l->in), l->flush = 0;
    if (waiting_after(p, d) >= MARK && p->handler == NULL) return 0;
    if (x->tunnel == 1 && d == PK_RESPONSE) return 0; /* the 101 is still held */
    if (p->tunnel != NULL && x->tunnel != 2 && d == PK_REQUEST) return 0; /* before the 101 */
    if (l->in.size != 0 || l->flush) return call_data(p, d);
    if (l->end && !l->end_gone && !l->finished) return call_end(p, d);
    return 0;
}

static int step_sink(exchange* x, int d) {
    uint64_t n = x->sink[d].size < x->window[d] ? x->sink[d].size : x->window[d];
    bytes* to = d == PK_REQUEST ? &x->origin : &x->client;
    int* end = d == PK_REQUEST ? &x->origin_end : &x->client_end;
    if (d == PK_REQUEST && x->request_over) return 0;
    if (n != 0) {
        bytes_add(to, x->sink[d].at, n);
        bytes_drop(&x->sink[d], n);
        x->window[d] -= n;
        return 1;
    }
    if (x->sink[d].size == 0 && x->sink_end[d] && !*end) {
        x->trailers_sent[d] = x->fields[d == PK_REQUEST ? 1 : 3];
        *end = 1;
        return 1;
    }
    return 0;
}

void run(exchange* x) {
    for (int moved = 1, rounds = 0; moved && !x->ended; ++rounds) {
        if (rounds > 100000) {
            fprintf(stderr, "host: does not come to rest: %s\n", x->calls);
            abort();
        }
        moved = 0;
        for (int i = 0; i < x->count && !x->ended; ++i) {
            place* p = &x->places[i];
            moved |= step_wake(p);
            for (int d = 0; d < 2 && !x->ended; ++d)
                moved |= step_lane(p, d) || (!x->ended && step_drained(p, d));
        }
        for (int d = 0; d < 2 && !x->ended; ++d) moved |= step_sink(x, d);
        if (x->ended) break;
        int done = x->tunnel == 2 ? x->client_end && x->origin_end : x->client_end;
        if (done) end_stream(x, PK_END_COMPLETE);
    }
}

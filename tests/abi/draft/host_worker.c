/* The worker of the scripted host: clock, timers, wakers, subrequests. */
#include <stdlib.h>

#include "check.h"
#include "host_inside.h"

void bytes_add(bytes* b, const char* from, size_t size) {
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->at = (char*)realloc(b->at, b->room);
    }
    if (size != 0) memcpy(b->at + b->size, from, size);
    b->size += size;
}

void bytes_drop(bytes* b, size_t n) {
    memmove(b->at, b->at + n, b->size - n);
    b->size -= n;
}

void bytes_clear(bytes* b) {
    free(b->at);
    memset(b, 0, sizeof *b);
}

static worker* worker_of(const pk_host* host) {
    return (worker*)(uintptr_t)host;
}

static uint64_t clock_now(const pk_host* host) {
    return worker_of(host)->now;
}
static const pk_clock clock_table = {sizeof(pk_clock), 0, clock_now, clock_now};

static pk_status timer_add(worker* w, fake_timer what, uint64_t ns, uint64_t* id) {
    for (int i = 0; i < TIMERS; ++i) {
        if (w->timers[i].id != 0) continue;
        what.id = ++w->ids;
        what.due = w->now + ns;
        w->timers[i] = what;
        if (id != NULL) *id = what.id;
        return PK_OK;
    }
    return PK_NO_MEMORY;
}

static pk_status timer_start(pk_stream* s, uint64_t ns, void (*fn)(pk_stream*, void*), void* arg,
                             uint64_t* id) {
    fake_timer t = {0, 0, place_of(s), fn, NULL, arg};
    return timer_add(t.of->of->on, t, ns, id);
}
static void timer_drop(worker* w, uint64_t id) {
    for (int i = 0; i < TIMERS; ++i)
        if (w->timers[i].id == id) w->timers[i].id = 0;
}
static void timer_cancel(pk_stream* s, uint64_t id) {
    timer_drop(place_of(s)->of->on, id);
}
static pk_status timer_on_worker(const pk_host* host, uint64_t ns, void (*fn)(void*), void* arg,
                                 uint64_t* id) {
    fake_timer t = {0, 0, NULL, NULL, fn, arg};
    return timer_add(worker_of(host), t, ns, id);
}
static void timer_cancel_on_worker(const pk_host* host, uint64_t id) {
    timer_drop(worker_of(host), id);
}
static const pk_timer_service timer_table = {
    sizeof(pk_timer_service), 0, timer_start, timer_cancel, timer_on_worker,
    timer_cancel_on_worker};

void worker_advance(worker* w, uint64_t ns) {
    w->now += ns;
    for (int i = 0; i < TIMERS; ++i) {
        fake_timer t = w->timers[i];
        if (t.id == 0 || t.due > w->now) continue;
        w->timers[i].id = 0;
        if (t.of == NULL) {
            t.worker_fn(t.arg);
            continue;
        }
        enter(t.of, "timer", -1);
        t.fn(&t.of->handle, t.arg);
        leave(t.of);
    }
}

/* A waker is (place, life): a place that was freed is told apart by the table of the living. */
enum { LIVING = 64 };
static struct {
    place* at;
    uint64_t life;
} living[LIVING];
static uint64_t lives;

static pk_waker waker_make(pk_stream* s) {
    place* p = place_of(s);
    pk_waker w = {0, 0};
    for (int i = 0; i < LIVING; ++i) {
        if (living[i].at != NULL && living[i].at != p) continue;
        if (living[i].at == NULL) {
            living[i].at = p;
            p->life = living[i].life = ++lives;
        }
        w.place = (uint64_t)i + 1;
        w.life = living[i].life;
        return w;
    }
    return w;
}
static pk_status waker_wake(const pk_host* host, pk_waker waker) {
    (void)host;
    if (waker.place == 0 || waker.place > LIVING) return PK_INVALID;
    if (living[waker.place - 1].at != NULL && living[waker.place - 1].life == waker.life)
        living[waker.place - 1].at->woken = 1;
    return PK_OK;
}
static const pk_waker_service waker_table = {sizeof(pk_waker_service), 0, waker_make, waker_wake};

static pk_status sub_add(worker* w, place* of, const pk_subrequest* what, uint64_t* id) {
    int rest = (what->flags & PK_SUB_REST) != 0;
    if (rest && (of == NULL || what->upstream.size != 0)) return PK_INVALID;
    if ((what->flags & PK_SUB_COLLECTED) && (what->flags & PK_SUB_DETACHED)) return PK_INVALID;
    if ((what->flags & PK_SUB_COLLECTED) != 0 &&
        (of == NULL || of->lanes[PK_REQUEST].collecting != 2))
        return PK_WRONG_STATE;
    for (int i = 0; i < SUBS; ++i) {
        if (w->subs[i].id != 0) continue;
        memset(&w->subs[i], 0, sizeof w->subs[i]);
        w->subs[i].what = *what;
        w->subs[i].id = ++w->ids;
        w->subs[i].of = (what->flags & PK_SUB_DETACHED) != 0 ? NULL : of;
        if (id != NULL) *id = w->subs[i].id;
        return PK_OK;
    }
    return PK_NO_MEMORY;
}
static void sub_resumes(worker* w, uint64_t id, int drop) {
    for (int i = 0; i < SUBS; ++i) {
        if (w->subs[i].id != id) continue;
        w->subs[i].paused = 0;
        if (drop) w->subs[i].id = 0;
    }
}
static pk_status sub_start(pk_stream* s, const pk_subrequest* what, uint64_t* id) {
    return sub_add(place_of(s)->of->on, place_of(s), what, id);
}
static void sub_resume(pk_stream* s, uint64_t id) {
    sub_resumes(place_of(s)->of->on, id, 0);
}
static void sub_cancel(pk_stream* s, uint64_t id) {
    sub_resumes(place_of(s)->of->on, id, 1);
}
static pk_status sub_start_on_worker(const pk_host* h, const pk_subrequest* what, uint64_t* id) {
    pk_subrequest detached = *what;
    detached.flags |= PK_SUB_DETACHED;
    return sub_add(worker_of(h), NULL, &detached, id);
}
static void sub_resume_on_worker(const pk_host* h, uint64_t id) {
    sub_resumes(worker_of(h), id, 0);
}
static void sub_cancel_on_worker(const pk_host* h, uint64_t id) {
    sub_resumes(worker_of(h), id, 1);
}
static const pk_subrequest_service sub_table = {sizeof(pk_subrequest_service),
                                                0,
                                                sub_start,
                                                sub_resume,
                                                sub_cancel,
                                                sub_start_on_worker,
                                                sub_resume_on_worker,
                                                sub_cancel_on_worker};

fake_sub* sub_of(worker* w, const char* target) {
    for (int i = 0; i < SUBS; ++i)
        if (w->subs[i].id != 0 && same(w->subs[i].what.target, target)) return &w->subs[i];
    return NULL;
}
static void sub_enter(fake_sub* sub, const char* hook) {
    if (sub->of != NULL) enter(sub->of, hook, -1);
}
static void sub_leave(place* of) {
    if (of != NULL) leave(of);
}
void sub_head(worker* w, fake_sub* sub, uint32_t status, pk_field_view fields) {
    (void)w;
    if (sub->what.head == NULL) return;
    place* of = sub->of;
    sub_enter(sub, "sub_head");
    sub->what.head(of != NULL ? &of->handle : NULL, sub->what.arg, status, fields);
    sub_leave(of);
}
uint64_t sub_data(worker* w, fake_sub* sub, const char* data) {
    (void)w;
    pk_slice slice = {data, strlen(data), (void*)1};
    pk_slice_view view = {&slice, 1, sizeof slice};
    place* of = sub->of;
    if (sub->what.data == NULL) return slice.size;
    sub_enter(sub, "sub_data");
    uint64_t n = sub->what.data(of != NULL ? &of->handle : NULL, sub->what.arg, &view);
    if (n < slice.size) sub->paused = 1;
    sub_leave(of);
    return n;
}
void sub_end(worker* w, fake_sub* sub, uint32_t cause) {
    (void)w;
    pk_field_view none = {NULL, 0, sizeof(pk_field)};
    fake_sub it = *sub;
    sub->id = 0;
    if (it.of != NULL) enter(it.of, "sub_end", -1);
    if (it.what.end != NULL)
        it.what.end(it.of != NULL ? &it.of->handle : NULL, it.what.arg, cause, none);
    sub_leave(it.of);
}

static pk_status set_interest(pk_stream* s, uint32_t direction, uint32_t interest) {
    place_of(s)->lanes[direction].interest = interest;
    return PK_OK;
}
static pk_status set_limits(pk_stream* s, uint64_t idle_ns, uint64_t life_ns) {
    (void)s, (void)idle_ns, (void)life_ns; /* a test plays them: tunnel_limit */
    return PK_OK;
}
static const pk_tunnel_service tunnel_table = {sizeof(pk_tunnel_service), 0, set_interest,
                                               set_limits};

static const void* host_get(const pk_host* host, pk_str id) {
    (void)host;
    if (same(id, PK_CLOCK_ID)) return &clock_table;
    if (same(id, PK_TIMER_ID)) return &timer_table;
    if (same(id, PK_WAKER_ID)) return &waker_table;
    if (same(id, PK_SUBREQUEST_ID)) return &sub_table;
    if (same(id, PK_TUNNEL_SERVICE_ID)) return &tunnel_table;
    return NULL;
}

void worker_start(worker* w) {
    memset(w, 0, sizeof *w);
    w->host.size = sizeof(pk_host);
    w->host.worker_count = 1;
    w->host.get = host_get;
    w->host.label = str("test");
    w->now = 1000;
}

void worker_exit(worker* w) {
    for (int i = 0; i < SUBS; ++i)
        if (w->subs[i].id != 0) sub_end(w, &w->subs[i], PK_END_SHUTDOWN);
    for (int i = 0; i < TIMERS; ++i) w->timers[i].id = 0;
}

/* Nothing of a stream that has ended may call back. */
void forget(exchange* x);
void forget(exchange* x) {
    worker* w = x->on;
    for (int i = 0; i < TIMERS; ++i)
        if (w->timers[i].of != NULL && w->timers[i].of->of == x) w->timers[i].id = 0;
    for (int i = 0; i < SUBS; ++i)
        if (w->subs[i].of != NULL && w->subs[i].of->of == x) w->subs[i].id = 0;
    for (int i = 0; i < LIVING; ++i)
        if (living[i].at != NULL && living[i].at->of == x) living[i].at = NULL;
}

/* health_passive and health_active as pk.health/1.
 *
 *   passive  outcome: counts failures in the shared words; at 2 publishes DOWN for a cooldown; a
 * success clears active   elected: a timer on the worker; its subrequest to each endpoint
 * (start_on_worker, endpoint); end: rise and fall; publish. elected anew: it knows other endpoints,
 * a publish for one that is gone answers PK_INVALID
 */
#include "pkernel/abi/health.h"

#include "check.h"
#include "host.h"

static worker w;

/* ---- The kernel's side: combined states ---- */
static struct {
    const char* address;
    uint32_t state[2]; /* of the two sources */
    uint64_t until;
} seen[2] = {{"a:1", {0, 0}, 0}, {"b:1", {0, 0}, 0}};
static int source;
static pk_status publish(const pk_health_upstream* u, uint32_t index, const pk_health_state* st) {
    if (index >= u->endpoints->count) return PK_INVALID;
    seen[index].state[source] = st->state;
    seen[index].until = st->for_ns != 0 ? w.now + st->for_ns : 0;
    return PK_OK;
}
static uint64_t words[2][4];
static uint64_t* words_of(const pk_health_upstream* u, uint32_t index) {
    return index < u->endpoints->count ? words[index] : NULL;
}
/* On trial a request may find out. */
static int may_be_asked(int i) {
    if (seen[i].until != 0 && w.now >= seen[i].until) return 1;
    return seen[i].state[0] != PK_HEALTH_DOWN && seen[i].state[1] != PK_HEALTH_DOWN;
}

/* ---- passive ---- */
static void passive_outcome(void* instance, const pk_health_outcome* o) {
    const pk_attempt_facts* f = o->facts;
    uint64_t* own = o->upstream->words(o->upstream, f->endpoint);
    pk_health_state st;
    (void)instance;
    if (f->failure == PK_FAIL_NONE) {
        own[0] = 0;
        memset(&st, 0, sizeof st);
        st.size = sizeof st;
        st.state = PK_HEALTH_UP;
        source = 0;
        o->upstream->publish(o->upstream, f->endpoint, &st);
        return;
    }
    if (++own[0] < 2) return; /* not on one sample */
    own[0] = 0;
    memset(&st, 0, sizeof st);
    st.size = sizeof st;
    st.state = PK_HEALTH_DOWN;
    st.for_ns = 30;
    st.reason = str("2 failures in a row");
    source = 0;
    o->upstream->publish(o->upstream, f->endpoint, &st);
}
static const pk_health passive = {sizeof(pk_health), 0, NULL, NULL, passive_outcome};

/* ---- active ---- */
static const pk_timer_service* timers;
static const pk_subrequest_service* subs;
static const pk_health_upstream* now_probed;
static pk_status late_publish = PK_OK;
static uint32_t status_seen;
static void probe_head(pk_stream* s, void* arg, uint32_t status, pk_field_view fields) {
    (void)arg, (void)fields;
    CHECK(s == NULL);
    status_seen = status;
}
static void probe_end(pk_stream* s, void* arg, uint32_t cause, pk_field_view trailers) {
    pk_health_state st;
    (void)s, (void)trailers;
    if (cause == PK_END_SHUTDOWN) return;
    memset(&st, 0, sizeof st);
    st.size = sizeof st;
    st.state = cause == PK_END_COMPLETE && status_seen == 200 ? PK_HEALTH_UP : PK_HEALTH_DOWN;
    st.reason = str(cause == PK_END_UNREACHABLE ? "connect failed" : "answered");
    source = 1;
    late_publish = now_probed->publish(now_probed, (uint32_t)(uintptr_t)arg, &st);
}
static void probe_all(void* arg) {
    (void)arg;
    for (uint32_t i = 0; i < now_probed->endpoints->count; ++i) {
        pk_subrequest what;
        memset(&what, 0, sizeof what);
        what.size = sizeof what;
        what.upstream = str("app");
        what.endpoint = now_probed->endpoints->first[i].address;
        what.method = str("GET");
        what.target = now_probed->endpoints->first[i].address; /* so that the test finds it */
        what.head = probe_head;
        what.end = probe_end;
        what.arg = (void*)(uintptr_t)i;
        CHECK(subs->start_on_worker(&w.host, &what, NULL) == PK_OK);
    }
    timers->start_on_worker(&w.host, 2000, probe_all, NULL, NULL);
}
static void active_elected(void* instance, const pk_health_upstream* u) {
    const int first = now_probed == NULL;
    (void)instance;
    now_probed = u;
    if (first) timers->start_on_worker(&w.host, 10, probe_all, NULL, NULL);
}
static const pk_health active = {sizeof(pk_health), 0, NULL, active_elected, NULL};

static const pk_endpoint list[2] = {{{"a:1", 3}, 1, 0, NULL}, {{"b:1", 3}, 1, 0, NULL}};
static const pk_endpoints both = {sizeof both, 2, sizeof(pk_endpoint), 0, list, 1};
static const pk_endpoints only_a = {sizeof only_a, 1, sizeof(pk_endpoint), 0, list, 2};
static const pk_health_upstream app = {sizeof app, 0, {"app", 3}, &both, publish, NULL, words_of};
static const pk_health_upstream smaller = {sizeof smaller, 0,    {"app", 3}, &only_a,
                                           publish,        NULL, words_of};

static void happens(uint32_t endpoint, uint32_t failure) {
    pk_attempt_facts f;
    memset(&f, 0, sizeof f);
    f.size = sizeof f;
    f.endpoints = &both;
    f.endpoint = endpoint;
    f.failure = failure;
    pk_health_outcome o = {sizeof o, PK_TRIAL_NONE, &app, &f};
    passive.outcome(NULL, &o);
}

int main(void) {
    worker_start(&w);
    timers = (const pk_timer_service*)w.host.get(&w.host, str(PK_TIMER_ID));
    subs = (const pk_subrequest_service*)w.host.get(&w.host, str(PK_SUBREQUEST_ID));

    happens(0, PK_FAIL_RESET);
    CHECK(may_be_asked(0));
    happens(0, PK_FAIL_NONE); /* not in a row */
    happens(0, PK_FAIL_REFUSED);
    CHECK(may_be_asked(0));
    happens(0, PK_FAIL_HEAD_TIMEOUT);
    CHECK(!may_be_asked(0) && may_be_asked(1));
    worker_advance(&w, 31); /* the cooldown ends without a timer of the plugin */
    CHECK(may_be_asked(0));
    happens(0, PK_FAIL_NONE); /* the trial went well */

    active.elected(NULL, &app);
    worker_advance(&w, 20);
    CHECK(sub_of(&w, "a:1") != NULL && sub_of(&w, "b:1") != NULL);
    CHECK(same(sub_of(&w, "a:1")->what.endpoint, "a:1"));
    sub_head(&w, sub_of(&w, "a:1"), 200, (pk_field_view){NULL, 0, sizeof(pk_field)});
    sub_end(&w, sub_of(&w, "a:1"), PK_END_COMPLETE);
    CHECK(may_be_asked(0));
    active.elected(NULL, &smaller); /* b goes while its probe is on the way */
    sub_end(&w, sub_of(&w, "b:1"), PK_END_UNREACHABLE);
    CHECK(late_publish == PK_INVALID && may_be_asked(1));
    worker_advance(&w, 2000);
    CHECK(sub_of(&w, "b:1") == NULL);
    sub_end(&w, sub_of(&w, "a:1"), PK_END_UNREACHABLE);
    CHECK(!may_be_asked(0)); /* one source is enough */
    worker_advance(&w, 2000);
    CHECK(sub_of(&w, "a:1") != NULL);
    worker_exit(&w); /* its end comes, with PK_END_SHUTDOWN, and nothing after */
    worker_advance(&w, 10000);
    CHECK(sub_of(&w, "a:1") == NULL);
    return check_failures();
}

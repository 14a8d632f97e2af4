/* health_passive and health_active as pk.health/1-draft.
 *
 *   passive  outcome: counts failures in the shared words; at 2 publishes DOWN for a cooldown; a
 * success clears active   elected: a timer on the worker; its subrequest to each endpoint
 * (start_on_worker, endpoint); end: rise and fall; publish. changed: probes of what is gone are
 * cancelled, a late publish answers PK_NOT_FOUND
 */
#include "pkernel/abi/draft/health.h"

#include "check.h"
#include "host.h"

static worker w;

/* ---- The kernel's side: combined states ---- */
static struct {
    const char* address;
    uint32_t state[2]; /* of the two sources */
    uint64_t until;
} seen[2] = {{"a:1", {0, 0}, 0}, {"b:1", {0, 0}, 0}};
static int known = 2, source;
static pk_status publish(const pk_host* host, pk_str address, const pk_health_state* st) {
    (void)host;
    for (int i = 0; i < known; ++i) {
        if (!same(address, seen[i].address)) continue;
        seen[i].state[source] = st->state;
        seen[i].until = st->for_ns != 0 ? w.now + st->for_ns : 0;
        return PK_OK;
    }
    return PK_NOT_FOUND;
}
static const pk_health_service health = {sizeof(pk_health_service), 0, publish, NULL};
static int usable(int i) {
    if (seen[i].until != 0 && w.now >= seen[i].until) seen[i].state[0] = PK_HEALTH_UNKNOWN;
    return seen[i].state[0] != PK_HEALTH_DOWN && seen[i].state[1] != PK_HEALTH_DOWN;
}

/* ---- passive ---- */
static void passive_outcome(void* instance, const pk_health_outcome* o) {
    const pk_attempt_facts* f = o->facts;
    pk_health_state st;
    (void)instance;
    if (f->failure == PK_FAIL_CANCELLED || f->failure == PK_FAIL_VETO) return; /* not its fault */
    if (f->failure == PK_FAIL_NONE) {
        o->words[0] = 0;
        return;
    }
    if (++o->words[0] < 2) return; /* not on one sample */
    o->words[0] = 0;
    memset(&st, 0, sizeof st);
    st.size = sizeof st;
    st.state = PK_HEALTH_DOWN;
    st.weight = 1000;
    st.for_ns = 30;
    st.reason = str("2 failures in a row");
    source = 0;
    health.publish(NULL, f->endpoints->first[f->endpoint].address, &st);
}
static const pk_health passive = {sizeof(pk_health), 0, NULL, NULL, NULL, passive_outcome};

/* ---- active ---- */
static const pk_timer_service* timers;
static const pk_subrequest_service* subs;
static const pk_endpoints* now_probed;
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
    st.weight = 1000;
    st.reason = str(cause == PK_END_UNREACHABLE ? "connect failed" : "answered");
    source = 1;
    late_publish = health.publish(&w.host, str((const char*)arg), &st);
}
static void probe_all(void* arg) {
    (void)arg;
    for (uint32_t i = 0; i < now_probed->count; ++i) {
        pk_subrequest what;
        memset(&what, 0, sizeof what);
        what.size = sizeof what;
        what.upstream = str("app");
        what.endpoint = now_probed->first[i].address;
        what.method = str("GET");
        what.target = now_probed->first[i].address; /* so that the test finds it */
        what.head = probe_head;
        what.end = probe_end;
        what.arg = (void*)(uintptr_t)now_probed->first[i].address.data;
        CHECK(subs->start_on_worker(&w.host, &what, NULL) == PK_OK);
    }
    timers->start_on_worker(&w.host, 2000, probe_all, NULL, NULL);
}
static void active_elected(void* instance, pk_str upstream, const pk_endpoints* endpoints) {
    (void)instance, (void)upstream;
    now_probed = endpoints;
    timers->start_on_worker(&w.host, 10, probe_all, NULL, NULL);
}
static void active_changed(void* instance, const pk_endpoints* endpoints) {
    (void)instance;
    now_probed = endpoints;
}
static const pk_health active = {sizeof(pk_health), 0, NULL, active_elected, active_changed, NULL};

static const pk_endpoint list[2] = {{{"a:1", 3}, 1, 0, NULL}, {{"b:1", 3}, 1, 0, NULL}};
static const pk_endpoints both = {sizeof both, 2, sizeof(pk_endpoint), 0, list, 1};
static const pk_endpoints only_a = {sizeof only_a, 1, sizeof(pk_endpoint), 0, list, 2};
static uint64_t words[2][4];

static void happens(uint32_t endpoint, uint32_t failure) {
    pk_attempt_facts f;
    memset(&f, 0, sizeof f);
    f.size = sizeof f;
    f.endpoints = &both;
    f.endpoint = endpoint;
    f.failure = failure;
    pk_health_outcome o = {sizeof o, 0, &f, words[endpoint]};
    passive.outcome(NULL, &o);
}

int main(void) {
    worker_start(&w);
    timers = (const pk_timer_service*)w.host.get(&w.host, str(PK_TIMER_ID));
    subs = (const pk_subrequest_service*)w.host.get(&w.host, str(PK_SUBREQUEST_ID));

    happens(0, PK_FAIL_RESET);
    CHECK(usable(0));
    happens(0, PK_FAIL_NONE); /* not in a row */
    happens(0, PK_FAIL_REFUSED);
    happens(0, PK_FAIL_CANCELLED); /* the client went: says nothing of the endpoint */
    CHECK(usable(0));
    happens(0, PK_FAIL_HEAD_TIMEOUT);
    CHECK(!usable(0) && usable(1));
    worker_advance(&w, 31); /* the cooldown ends without a timer of the plugin */
    CHECK(usable(0));

    active.elected(NULL, str("app"), &both);
    worker_advance(&w, 20);
    CHECK(sub_of(&w, "a:1") != NULL && sub_of(&w, "b:1") != NULL);
    CHECK(same(sub_of(&w, "a:1")->what.endpoint, "a:1"));
    sub_head(&w, sub_of(&w, "a:1"), 200, (pk_field_view){NULL, 0, sizeof(pk_field)});
    sub_end(&w, sub_of(&w, "a:1"), PK_END_COMPLETE);
    CHECK(usable(0));
    active.changed(NULL, &only_a); /* b goes while its probe is on the way */
    known = 1;
    sub_end(&w, sub_of(&w, "b:1"), PK_END_UNREACHABLE);
    CHECK(late_publish == PK_NOT_FOUND && usable(1));
    worker_advance(&w, 2000);
    CHECK(sub_of(&w, "b:1") == NULL);
    sub_end(&w, sub_of(&w, "a:1"), PK_END_UNREACHABLE);
    CHECK(!usable(0)); /* one source is enough */
    worker_advance(&w, 2000);
    CHECK(sub_of(&w, "a:1") != NULL);
    worker_exit(&w); /* its end comes, with PK_END_SHUTDOWN, and nothing after */
    worker_advance(&w, 10000);
    CHECK(sub_of(&w, "a:1") == NULL);
    return check_failures();
}

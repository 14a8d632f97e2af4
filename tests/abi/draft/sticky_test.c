/* sticky as a pk.balancer/1 with an inner balancer behind a kernel's handle.
 *
 *   pick  the cookie names an endpoint that is a candidate: that one; else inner->pick, and
 * response_field Set-Cookie, which the client gets only if this attempt's response is the one sent
 */
#include "pkernel/abi/balancer.h"

#include "check.h"

/* ---- sticky ---- */
static const pk_inner_balancer* inner;
static char cookie[16]; /* a field of the request in the real one */

static int is_candidate(const pk_pick* c, uint32_t index) {
    if (c->candidates == NULL) return index < c->endpoints->count;
    for (uint32_t i = 0; i < c->candidate_count; ++i)
        if (c->candidates[i] == index) return 1;
    return 0;
}
static const pk_endpoint* endpoint_at(const pk_endpoints* e, uint32_t i) {
    return (const pk_endpoint*)(const void*)((const char*)e->first + (size_t)i * e->stride);
}
static uint32_t sticky_pick(void* instance, const pk_pick* c) {
    (void)instance;
    for (uint32_t i = 0; i < c->endpoints->count; ++i)
        if (same(endpoint_at(c->endpoints, i)->address, cookie) && is_candidate(c, i)) return i;
    uint32_t index = inner->pick(inner, c);
    if (index != PK_NO_ENDPOINT)
        CHECK(c->response_field(c, str("set-cookie"), endpoint_at(c->endpoints, index)->address) ==
              PK_OK);
    return index;
}
static const pk_balancer sticky = {sizeof(pk_balancer), 0, NULL, NULL, sticky_pick, NULL};

/* ---- the inner one: least in flight; uses its own words ---- */
static uint32_t least_pick(void* instance, const pk_pick* c) {
    uint32_t best = PK_NO_ENDPOINT;
    (void)instance;
    for (uint32_t i = 0; i < c->endpoints->count; ++i) {
        if (!is_candidate(c, i)) continue;
        if (best == PK_NO_ENDPOINT || endpoint_at(c->endpoints, i)->shared->in_flight <
                                          endpoint_at(c->endpoints, best)->shared->in_flight)
            best = i;
    }
    if (best != PK_NO_ENDPOINT) ++c->words[2 * best];
    return best;
}
static const pk_balancer least = {sizeof(pk_balancer), 0, NULL, NULL, least_pick, NULL};

/* ---- the kernel: the thunk, attempts, and the response fields of the one that was sent ---- */
static int64_t outer_words[6], inner_words[6];
static int depth;
static uint32_t thunk_pick(const pk_inner_balancer* self, const pk_pick* c) {
    pk_pick own = *c;
    (void)self;
    if (++depth > 8) return PK_NO_ENDPOINT;
    own.words = inner_words;
    uint32_t index = least.pick(NULL, &own);
    --depth;
    return is_candidate(c, index) ? index : PK_NO_ENDPOINT; /* no other index gets out */
}
static const pk_inner_balancer handle = {sizeof(pk_inner_balancer), 0, thunk_pick};

static char pending[16], sent[16];
static pk_status response_field(const pk_pick* c, pk_str name, pk_str value) {
    (void)c, (void)name;
    snprintf(pending, sizeof pending, "%.*s", (int)value.size, value.data);
    return PK_OK;
}
static pk_endpoint_shared shared[3];
static const pk_endpoint list[3] = {
    {{"a:1", 3}, 1, 0, &shared[0]}, {{"b:1", 3}, 1, 0, &shared[1]}, {{"c:1", 3}, 1, 0, &shared[2]}};
static const pk_endpoints endpoints = {sizeof endpoints, 3, sizeof(pk_endpoint), 0, list, 1};

/* One request: the endpoints in `failing` (bits) fail; answers the index whose response was sent.
 */
static uint32_t request(unsigned failing) {
    uint32_t candidates[3], attempt = 0;
    int tried[3] = {0, 0, 0};
    sent[0] = '\0';
    for (;;) {
        pk_pick c;
        memset(&c, 0, sizeof c);
        c.size = sizeof c;
        c.endpoints = &endpoints;
        c.attempt = ++attempt;
        c.words = outer_words;
        c.response_field = response_field;
        for (uint32_t i = 0; i < 3; ++i)
            if (!tried[i]) candidates[c.candidate_count++] = i;
        if (c.candidate_count == 0) return PK_NO_ENDPOINT; /* never empty in a call */
        if (attempt > 1) c.candidates = candidates;
        pending[0] = '\0';
        uint32_t index = sticky.pick(NULL, &c);
        if (index == PK_NO_ENDPOINT) return index;
        if ((failing >> index & 1) == 0) {
            memcpy(sent, pending, sizeof sent);
            return index;
        }
        tried[index] = 1;
    }
}

int main(void) {
    inner = &handle;
    shared[0].in_flight = 5;
    shared[1].in_flight = 1;
    shared[2].in_flight = 3;
    CHECK(request(0) == 1 && strcmp(sent, "b:1") == 0); /* no cookie: inner, and a cookie */
    CHECK(inner_words[2] == 1 && outer_words[2] == 0);  /* each has its own words */
    memcpy(cookie, "c:1", 4);
    CHECK(request(0) == 2 && sent[0] == '\0');          /* sticks, no new cookie */
    CHECK(request(4) == 1 && strcmp(sent, "b:1") == 0); /* its endpoint fails: moves, says so */
    CHECK(request(6) == 0 &&
          strcmp(sent, "a:1") == 0); /* only the cookie of the attempt that won */
    CHECK(request(7) == PK_NO_ENDPOINT && sent[0] == '\0');
    memcpy(cookie, "z:9", 4); /* an endpoint that is gone, or forged */
    CHECK(request(0) == 1 && strcmp(sent, "b:1") == 0);
    return check_failures();
}

/* retry as a pk.attempt/1, against the kernel's attempt loop in small.
 *
 *   keeps        how much of the body
 *   judges       502, 503
 *   before_send  the per-try limit into the plan
 *   failed       another endpoint while tries are left; PK_ATTEMPT_UNSAFE only if the config says
 * so finished     counts for the budget
 */
#include "pkernel/abi/attempt.h"

#include "check.h"

/* ---- The plugin ---- */
static uint32_t tries, unsafe, opens_circuit;
static int finished_calls, failed_calls;
static uint64_t retry_keeps(void* i) {
    (void)i;
    return 12;
}
static void retry_judges(void* i, uint64_t* statuses) {
    (void)i;
    statuses[(502 - 100) / 64] |= 1ull << ((502 - 100) % 64);
    statuses[(503 - 100) / 64] |= 1ull << ((503 - 100) % 64);
}
static uint32_t retry_before(pk_stream* s, const pk_attempt_facts* f, pk_attempt_plan* plan) {
    (void)s;
    plan->try_ns = 1000;
    return opens_circuit && f->endpoint == 0 ? PK_ATTEMPT_OTHER : PK_ATTEMPT_PASS;
}
static uint32_t retry_failed(pk_stream* s, const pk_attempt_facts* f, pk_attempt_plan* plan) {
    (void)s;
    ++failed_calls;
    if (unsafe) plan->flags |= PK_ATTEMPT_UNSAFE;
    if (f->attempt >= tries) return PK_ATTEMPT_PASS;
    return f->others != 0 ? PK_ATTEMPT_OTHER : PK_ATTEMPT_SAME;
}
static void retry_finished(pk_stream* s, const pk_attempt_facts* f) {
    (void)s, (void)f;
    ++finished_calls;
}
static const pk_attempt retry = {
    sizeof(pk_attempt), 0,   NULL, retry_keeps, retry_judges, retry_before, retry_failed,
    retry_finished,     NULL};

/* ---- The kernel's loop: a body of the client, endpoints that behave as scripted ---- */
enum { OK_200, REFUSES, RESETS, ANSWERS_503, RESETS_AFTER_4, CUTS_BODY };
static struct {
    const char* body; /* of the request */
    size_t arrived;   /* by the time of the first failure */
    int idempotent;
    int behaviour[3];
    char got[3][64]; /* body that each endpoint saw */
    uint32_t order[8];
    uint32_t attempts, status;
    int overruled, head_gone_on;
} k;

static uint32_t run_attempts(void) {
    uint64_t statuses[8] = {0};
    size_t size = strlen(k.body);
    int tried[3] = {0, 0, 0};
    uint32_t at = 0, costs = 0;
    const uint64_t keeps = retry.keeps(NULL);
    retry.judges(NULL, statuses);
    for (;;) {
        pk_attempt_plan plan = {sizeof plan, 0, 0, 0};
        pk_attempt_facts f;
        memset(&f, 0, sizeof f);
        f.size = sizeof f;
        f.attempt = costs + 1;
        f.endpoint = at;
        f.idempotent = (uint32_t)k.idempotent;
        f.replayable = 1;
        tried[at] = 1;
        f.others = (uint32_t)(!tried[0] + !tried[1] + !tried[2]);
        if (retry.before_send(NULL, &f, &plan) == PK_ATTEMPT_OTHER) {
            f.failure = PK_FAIL_VETO;
            retry.finished(NULL, &f);
            if (f.others == 0) return k.status = 503;
            while (tried[at]) at = (at + 1) % 3;
            continue; /* a veto costs no try */
        }
        k.order[k.attempts++] = at;
        ++costs;
        size_t sent = size;
        switch (k.behaviour[at]) {
            case OK_200:
                f.status = 200;
                f.sent = PK_SENT_ALL;
                break;
            case REFUSES:
                f.failure = PK_FAIL_REFUSED;
                sent = 0;
                break;
            case RESETS:
                f.failure = PK_FAIL_RESET;
                f.sent = PK_SENT_ALL;
                break;
            case ANSWERS_503:
                f.failure = PK_FAIL_STATUS;
                f.status = 503;
                f.sent = PK_SENT_ALL;
                break;
            case RESETS_AFTER_4:
                f.failure = PK_FAIL_RESET;
                f.sent = PK_SENT_PART;
                sent = size < 4 ? size : 4;
                break;
            default:
                f.failure = PK_FAIL_BODY;
                f.status = 200;
                k.head_gone_on = 1;
                break;
        }
        memcpy(k.got[at], k.body, sent); /* from byte 0 each time: what was kept, then the client */
        k.got[at][sent] = '\0';
        size_t read = sent > k.arrived ? sent : k.arrived;
        f.replayable = read <= keeps;
        uint32_t verdict = PK_ATTEMPT_PASS;
        int judged = f.failure == PK_FAIL_STATUS &&
                     (statuses[(f.status - 100) / 64] >> ((f.status - 100) % 64) & 1) != 0;
        if (f.failure != PK_FAIL_NONE && f.failure != PK_FAIL_BODY &&
            (f.failure != PK_FAIL_STATUS || judged))
            verdict = retry.failed(NULL, &f, &plan);
        retry.finished(NULL, &f);
        if (verdict != PK_ATTEMPT_PASS &&
            (!f.replayable || k.head_gone_on ||
             (!f.idempotent && f.sent != PK_SENT_NOTHING && !(plan.flags & PK_ATTEMPT_UNSAFE)))) {
            ++k.overruled;
            verdict = PK_ATTEMPT_PASS;
        }
        if (verdict == PK_ATTEMPT_PASS || verdict == PK_ATTEMPT_GIVE_UP)
            return k.status = f.status != 0 ? f.status : 502;
        if (verdict == PK_ATTEMPT_OTHER)
            while (tried[at] && f.others != 0) at = (at + 1) % 3;
    }
}
static uint32_t with(const char* body, size_t arrived, int idempotent, int a, int b, int c) {
    memset(&k, 0, sizeof k);
    finished_calls = failed_calls = 0;
    k.body = body;
    k.arrived = arrived;
    k.idempotent = idempotent;
    k.behaviour[0] = a, k.behaviour[1] = b, k.behaviour[2] = c;
    return run_attempts();
}

static void replays_after_a_part_was_sent(void) {
    tries = 3;
    CHECK(with("abcdefgh", 6, 1, RESETS_AFTER_4, OK_200, OK_200) == 200);
    CHECK(strcmp(k.got[0], "abcd") == 0 && strcmp(k.got[1], "abcdefgh") == 0);
    CHECK(k.attempts == 2 && finished_calls == 2 && failed_calls == 1);
}
static void replays_a_kept_body_and_not_a_lost_one(void) {
    CHECK(with("123456789012", 12, 1, RESETS, OK_200, OK_200) == 200);
    CHECK(strcmp(k.got[1], "123456789012") == 0);
    CHECK(with("1234567890123", 13, 1, RESETS, OK_200, OK_200) == 502);
    CHECK(k.attempts == 1 && k.overruled == 1);
}
static void a_post_runs_once(void) {
    CHECK(with("abc", 3, 0, RESETS, OK_200, OK_200) == 502 && k.attempts == 1 && k.overruled == 1);
    CHECK(with("abc", 3, 0, RESETS_AFTER_4, OK_200, OK_200) == 502 && k.attempts == 1);
    CHECK(with("abc", 3, 0, ANSWERS_503, OK_200, OK_200) == 503 && k.attempts == 1);
    CHECK(with("abc", 3, 0, REFUSES, OK_200, OK_200) == 200 &&
          k.attempts == 2); /* nothing was sent */
    unsafe = 1;
    CHECK(with("abc", 3, 0, RESETS, OK_200, OK_200) == 200 && k.attempts == 2);
    unsafe = 0;
}
static void tries_and_what_the_client_gets(void) {
    tries = 2;
    CHECK(with("", 0, 1, ANSWERS_503, ANSWERS_503, OK_200) == 503 && k.attempts == 2);
    CHECK(with("", 0, 1, REFUSES, RESETS, OK_200) == 502 && k.attempts == 2);
    tries = 3;
    CHECK(with("", 0, 1, REFUSES, REFUSES, OK_200) == 200 && k.order[2] == 2);
    CHECK(with("", 0, 1, CUTS_BODY, OK_200, OK_200) ==
          200); /* head gone on: no retry, failed not asked */
    CHECK(k.attempts == 1 && failed_calls == 0 && finished_calls == 1);
}
static void a_veto_costs_no_try(void) {
    opens_circuit = 1;
    tries = 1;
    CHECK(with("", 0, 1, OK_200, OK_200, OK_200) == 200);
    CHECK(k.attempts == 1 && k.order[0] == 1 && finished_calls == 2);
    opens_circuit = 0;
}

int main(void) {
    replays_after_a_part_was_sent();
    replays_a_kept_body_and_not_a_lost_one();
    a_post_runs_once();
    tries_and_what_the_client_gets();
    a_veto_costs_no_try();
    return check_failures();
}

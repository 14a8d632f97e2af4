/* TLS as a pk.transport/1, with a toy protocol on a real socket pair.
 *
 *   handshake  reads the hello: server name, protocols. Chooses the certificate, set_protocol;
 * submits the signature as a job and answers PAUSED; job done: resume; next call: sends the hello,
 * DONE read       opens one record at a time into the kernel's buffer; a longer one stays inside:
 * the kernel calls again write      seals; what the socket does not take stays sealed inside and
 * goes first next time plaintext  kTLS: PK_PLAIN_WRITE, from then on the kernel writes itself Toy:
 * hello "H<name>|<protocol>,<protocol>\n", answer "S<certificate>|<protocol>\n", record
 * "D<digit><bytes + 1>", end "C".
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pkernel/abi/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* ---- The transport ---- */
typedef struct toy_state {
    char in[256]; /* received and not opened */
    size_t in_size;
    char name[64];
    char plain[16]; /* opened and not yet read */
    size_t plain_at, plain_size;
    int hello, signed_;
} toy_state;

typedef struct key_job { /* owned memory: nothing of the connection */
    int result;
} key_job;

static int drops, runs, inside_resume, ktls;

static void sign(void* arg) {
    ((key_job*)arg)->result = ++runs;
}
static void signed_now(pk_conn* c, void* arg) {
    toy_state* st = (toy_state*)c->state;
    st->signed_ = 1;
    free(arg);
    c->api->resume(c);
}
static void sign_dropped(void* arg) {
    ++drops;
    free(arg);
}
static pk_status toy_open(pk_conn* c) {
    return c->side == PK_SIDE_ACCEPT ? PK_OK : PK_UNSUPPORTED;
}

/* Fills `in`. 0: nothing now, 1: more, -1: the peer's end, -2: an error. */
static int toy_fill(pk_conn* c) {
    toy_state* st = (toy_state*)c->state;
    ssize_t n = recv(c->fd, st->in + st->in_size, sizeof st->in - st->in_size, 0);
    if (n > 0) st->in_size += (size_t)n;
    if (n == 0) return -1;
    if (n < 0) return errno == EAGAIN ? 0 : -2;
    return 1;
}
static void toy_drop(toy_state* st, size_t n) {
    memmove(st->in, st->in + n, st->in_size - n);
    st->in_size -= n;
}
static pk_io toy_fail(pk_conn* c, const char* why) {
    c->api->fail(c, PK_END_PROTOCOL, str(why));
    return PK_IO_FAILED;
}

static pk_io toy_hello(pk_conn* c) {
    toy_state* st = (toy_state*)c->state;
    uint32_t count = 0;
    const pk_str* ours = c->api->protocols(c, &count);
    char* bar = (char*)memchr(st->in, '|', st->in_size);
    char* line = (char*)memchr(st->in, '\n', st->in_size);
    if (st->in[0] != 'H' || bar == NULL) return toy_fail(c, "no hello");
    snprintf(st->name, sizeof st->name, "%.*s", (int)(bar - st->in - 1), st->in + 1);
    for (uint32_t i = 0; i < count && st->hello == 0; ++i) /* the listener's order wins */
        if (memmem(bar, (size_t)(line - bar), ours[i].data, ours[i].size) != NULL) {
            CHECK(c->api->set_protocol(c, ours[i]) == PK_OK);
            st->hello = 1;
        }
    toy_drop(st, (size_t)(line - st->in) + 1);
    if (st->hello == 0) {
        CHECK(send(c->fd, "A120", 4, 0) == 4); /* the alert, before FAILED */
        return toy_fail(c, "no protocol in common");
    }
    key_job* arg = (key_job*)calloc(1, sizeof *arg);
    pk_conn_job job = {sizeof job, 0, arg, sign, signed_now, sign_dropped};
    CHECK(c->api->submit(c, &job) == PK_OK);
    if (inside_resume) c->api->resume(c); /* counts, although it still runs */
    return PK_IO_PAUSED;
}
static pk_io toy_handshake(pk_conn* c) {
    toy_state* st = (toy_state*)c->state;
    while (!st->hello) {
        if (memchr(st->in, '\n', st->in_size) != NULL) return toy_hello(c);
        int got = toy_fill(c);
        if (got == 0) return PK_IO_WANT_READ;
        if (got < 0) return toy_fail(c, "ended in the handshake");
    }
    if (!st->signed_) return PK_IO_PAUSED; /* resumed too early */
    char out[80];
    int n = snprintf(out, sizeof out, "S%s|\n", st->name);
    if (send(c->fd, out, (size_t)n, 0) != n) return PK_IO_WANT_WRITE;
    return PK_IO_DONE;
}
static pk_io toy_read(pk_conn* c, char* into, uint64_t size, uint64_t* n) {
    toy_state* st = (toy_state*)c->state;
    while (st->plain_at == st->plain_size) {
        if (st->in_size != 0 && st->in[0] == 'C') return PK_IO_END;
        size_t need = st->in_size >= 2 ? 2 + (size_t)(st->in[1] - '0') : 2;
        if (st->in_size >= 2 && st->in_size >= need) {
            for (size_t i = 2; i < need; ++i) st->plain[i - 2] = (char)(st->in[i] - 1);
            st->plain_at = 0;
            st->plain_size = need - 2;
            toy_drop(st, need);
            continue;
        }
        int got = toy_fill(c);
        if (got == 0) return PK_IO_WANT_READ;
        if (got < 0)
            return toy_fail(c, "cut: no close before the end"); /* a truncation is no END */
    }
    *n = st->plain_size - st->plain_at < size ? st->plain_size - st->plain_at : size;
    memcpy(into, st->plain + st->plain_at, *n);
    st->plain_at += *n;
    return PK_IO_DONE;
}
static pk_io toy_write(pk_conn* c, const pk_slice_view* v, uint64_t* n) {
    char out[12] = {'D', '0'};
    size_t size = 0;
    for (uint32_t i = 0; i < v->count; ++i)
        for (uint64_t k = 0; k < v->first[i].size && size < 9; ++k)
            out[2 + size++] = (char)(v->first[i].data[k] + 1);
    out[1] = (char)('0' + size);
    if (send(c->fd, out, size + 2, 0) < 0) return errno == EAGAIN ? PK_IO_WANT_WRITE : PK_IO_FAILED;
    *n = size; /* a toy: a record fits the socket or does not */
    return PK_IO_DONE;
}
static pk_io toy_close_write(pk_conn* c) {
    return send(c->fd, "C", 1, 0) == 1 ? PK_IO_DONE : PK_IO_WANT_WRITE;
}
static int closes;
static void toy_closed(pk_conn* c) {
    (void)c;
    ++closes;
}
static uint32_t toy_plaintext(pk_conn* c) {
    (void)c;
    return ktls ? PK_PLAIN_WRITE : 0;
}
static uint32_t toy_serves(pk_conn* c, pk_str host) {
    return same(host, ((toy_state*)c->state)->name);
}
static const pk_str* toy_variables(void* i, uint32_t* count) {
    static const pk_str names[] = {{"tls.sni", 7}};
    (void)i;
    *count = 1;
    return names;
}
static pk_status toy_variable(pk_conn* c, uint32_t index, pk_str* value) {
    if (index != 0) return PK_NOT_FOUND;
    *value = str(((toy_state*)c->state)->name);
    return PK_OK;
}
static const pk_transport toy = {sizeof(pk_transport),
                                 sizeof(toy_state),
                                 NULL,
                                 PK_TRANSPORT_SECURE,
                                 0,
                                 toy_open,
                                 toy_handshake,
                                 toy_read,
                                 toy_write,
                                 toy_close_write,
                                 toy_closed,
                                 toy_plaintext,
                                 toy_serves,
                                 toy_variables,
                                 toy_variable,
                                 NULL};

/* ---- The host: one connection ---- */
static struct fake_conn {
    pk_conn conn; /* first */
    toy_state state;
    int peer;
    char protocol[16], failure[64];
    pk_conn_job job;
    int has_job, resumed, paused, inside, done, failed, gone;
} f;

static const pk_str* c_protocols(pk_conn* c, uint32_t* count) {
    static const pk_str list[] = {{"h2", 2}, {"http/1.1", 8}};
    (void)c;
    *count = 2;
    return list;
}
static pk_status c_set_protocol(pk_conn* c, pk_str p) {
    (void)c;
    snprintf(f.protocol, sizeof f.protocol, "%.*s", (int)p.size, p.data);
    return PK_OK;
}
static pk_str c_none(pk_conn* c) {
    (void)c;
    return str("");
}
static pk_address c_peer(pk_conn* c) {
    pk_address a;
    (void)c;
    memset(&a, 0, sizeof a);
    return a;
}
static void c_resume(pk_conn* c) {
    (void)c;
    if (f.inside || f.paused) f.resumed = 1;
}
static pk_waker c_waker(pk_conn* c) {
    pk_waker none = {0, 0};
    (void)c;
    return none;
}
static pk_status c_submit(pk_conn* c, const pk_conn_job* job) {
    (void)c;
    f.job = *job;
    f.has_job = 1;
    return PK_OK;
}
static void c_fail(pk_conn* c, uint32_t cause, pk_str text) {
    (void)c, (void)cause;
    snprintf(f.failure, sizeof f.failure, "%.*s", (int)text.size, text.data);
}
static uint32_t c_more(pk_conn* c) {
    (void)c;
    return 0;
}
static const pk_conn_api conn_api = {sizeof(pk_conn_api),
                                     0,
                                     c_protocols,
                                     c_set_protocol,
                                     c_none,
                                     c_none,
                                     c_peer,
                                     c_resume,
                                     c_waker,
                                     c_submit,
                                     c_fail,
                                     c_more};

static void start(const char* hello) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    memset(&f, 0, sizeof f);
    closes = drops = runs = 0;
    f.conn.api = &conn_api;
    f.conn.state = &f.state;
    f.conn.fd = fds[0];
    f.peer = fds[1];
    CHECK(toy.open(&f.conn) == PK_OK);
    if (hello[0] != '\0') CHECK(send(f.peer, hello, strlen(hello), 0) == (ssize_t)strlen(hello));
}
static void gone(void) { /* peer, time-out or shutdown: whatever state the handshake is in */
    if (f.gone) return;
    f.gone = 1;
    toy.closed(&f.conn);
    close(f.conn.fd);
}
static void handshake(void) {
    while (!f.done && !f.gone && (!f.paused || f.resumed)) {
        f.paused = f.resumed = 0;
        f.inside = 1;
        pk_io io = toy.handshake(&f.conn);
        f.inside = 0;
        if (io == PK_IO_DONE) f.done = 1;
        if (io == PK_IO_PAUSED) f.paused = 1;
        if (io == PK_IO_FAILED) f.failed = 1, gone();
        if (io == PK_IO_WANT_READ || io == PK_IO_WANT_WRITE) return;
    }
}
static void job_returns(void) {
    if (!f.has_job) return;
    f.has_job = 0;
    f.job.run(f.job.arg);
    if (f.gone)
        f.job.drop(f.job.arg);
    else
        f.job.done(&f.conn, f.job.arg);
}
static void finish(void) {
    gone();
    job_returns();
    close(f.peer);
    CHECK(closes == 1);
}
static void peer_sees(const char* want) {
    char got[128];
    ssize_t n = recv(f.peer, got, sizeof got, 0);
    CHECK_TEXT(got, n < 0 ? 0 : (size_t)n, want);
}

static void name_protocol_pause(void) {
    pk_str value;
    start("Hshop.example|http/1.1,h2\n");
    handshake();
    CHECK(f.paused && !f.done && f.has_job);
    handshake(); /* the fd may become readable meanwhile: not called */
    CHECK(f.paused);
    job_returns();
    handshake();
    CHECK(f.done && strcmp(f.protocol, "h2") == 0);
    peer_sees("Sshop.example|\n");
    CHECK(toy.variable(&f.conn, 0, &value) == PK_OK && same(value, "shop.example"));
    CHECK(toy.serves(&f.conn, str("shop.example")) && !toy.serves(&f.conn, str("bank.example")));
    finish();
}
static void no_protocol_in_common(void) {
    start("Ha|spdy\n");
    handshake();
    CHECK(f.failed && strcmp(f.failure, "no protocol in common") == 0);
    peer_sees("A120");
    finish();
}
static void plain_bytes_before_the_hello(void) {
    start("GET / HTTP/1.1\r\n\r\n");
    handshake();
    CHECK(f.failed);
    finish();
}
static void client_goes_while_paused(void) {
    start("Ha|h2\n");
    handshake();
    CHECK(f.paused);
    gone(); /* a hang-up or the handshake limit, which runs over pauses */
    CHECK(closes == 1);
    job_returns(); /* late */
    CHECK(drops == 1 && runs == 1);
    f.conn.api->resume(&f.conn); /* and a resume later still does nothing */
    handshake();
    CHECK(!f.done);
    finish();
}
static void resume_inside_and_too_early(void) {
    inside_resume = 1;
    start("Ha|h2\n");
    handshake(); /* called once more at once; the transport itself sees that its job still runs */
    CHECK(f.paused && !f.done);
    inside_resume = 0;
    job_returns();
    handshake();
    CHECK(f.done);
    finish();
}
static void connected(void) {
    start("Ha|h2\n");
    handshake();
    job_returns();
    handshake();
    peer_sees("Sa|\n");
}
static void plaintext_that_the_fd_does_not_show(void) {
    char into[4];
    uint64_t n = 0;
    connected();
    CHECK(send(f.peer, "D6bcdefg", 8, 0) == 8);
    CHECK(toy.read(&f.conn, into, 4, &n) == PK_IO_DONE && n == 4);
    /* The buffer was full: the kernel does not poll, it reads again when there is room. */
    CHECK(toy.read(&f.conn, into, 4, &n) == PK_IO_DONE && n == 2);
    CHECK_TEXT(into, 2, "ef");
    CHECK(toy.read(&f.conn, into, 4, &n) == PK_IO_WANT_READ);
    finish();
}
static void half_close_and_cut(void) {
    char into[4];
    uint64_t n = 0;
    pk_slice out = {"yes", 3, NULL};
    pk_slice_view view = {&out, 1, sizeof out};
    connected();
    CHECK(send(f.peer, "C", 1, 0) == 1);
    CHECK(toy.read(&f.conn, into, 4, &n) == PK_IO_END);
    CHECK(toy.write(&f.conn, &view, &n) == PK_IO_DONE && n == 3); /* ours is still open */
    CHECK(toy.close_write(&f.conn) == PK_IO_DONE);
    peer_sees("D3zftC");
    finish();
    connected();
    shutdown(f.peer, SHUT_WR); /* an end that the protocol did not announce */
    CHECK(toy.read(&f.conn, into, 4, &n) == PK_IO_FAILED);
    CHECK(strstr(f.failure, "cut") != NULL);
    finish();
}
static void kernel_writes_plaintext_itself(void) {
    ktls = 1;
    connected();
    CHECK(toy.plaintext(&f.conn) == PK_PLAIN_WRITE);
    CHECK(send(f.conn.fd, "raw", 3, 0) == 3); /* sendfile and splice, in the kernel */
    CHECK(toy.close_write(&f.conn) == PK_IO_DONE);
    peer_sees("rawC");
    ktls = 0;
    finish();
}
static void write_again_after_want(void) {
    static char block[512];
    uint64_t n = 0;
    uint64_t accepted = 0;
    pk_slice out = {block, sizeof block, NULL};
    pk_slice_view view = {&out, 1, sizeof out};
    connected();
    while (toy.write(&f.conn, &view, &n) == PK_IO_DONE) accepted += n;
    char* elsewhere = (char*)calloc(1, sizeof block); /* the same bytes, moved */
    out.data = elsewhere;
    char sink[65536];
    while (recv(f.peer, sink, sizeof sink, 0) > 0) continue;
    CHECK(accepted > 0 && toy.write(&f.conn, &view, &n) == PK_IO_DONE && n == 9);
    free(elsewhere);
    finish();
}

int main(void) {
    name_protocol_pause();
    no_protocol_in_common();
    plain_bytes_before_the_hello();
    client_goes_while_paused();
    resume_inside_and_too_early();
    plaintext_that_the_fd_does_not_show();
    half_close_and_cut();
    kernel_writes_plaintext_itself();
    write_again_after_want();
    return check_failures();
}

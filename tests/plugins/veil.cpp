// A toy transport for integration/test_transport.py: the client says VEIL and a key, the server
// answers K, and from then on every byte is xored with the key. Some keys mean more:
//   J  the handshake pauses until a job of the offload pool is done
//   W  it pauses until another thread rings a waker
//   N  it pauses for ever
//   P  the protocol "two" is agreed on, if it is offered
// Hosts that begin with "else" are not served.

#include <pkernel/abi/offload.h>
#include <pkernel/abi/transport.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pkernel/plugin.hpp>
#include <thread>

namespace {

class veil {
public:
    explicit veil(pk::host host) : host_(host) {}
    ~veil() {
        if (ringer.joinable()) ringer.join();
    }
    const pk::host& host() const noexcept { return host_; }
    std::thread ringer;

private:
    const pk::host host_;
};

struct state {
    char seen[5];
    std::uint32_t size;
    std::uint32_t paused;
    char key;
    char key_text[1];
};

state& of(pk_conn* c) noexcept {
    return *static_cast<state*>(c->state);
}

veil& plugin_of(pk_conn* c) noexcept {
    return pk::detail::instance<veil>::of(c->instance).plugin;
}

pk_io failed(pk_conn* c, std::string_view why) {
    c->api->fail(c, PK_END_PROTOCOL, pk::str(why));
    return PK_IO_FAILED;
}

pk_io result_of(ssize_t n, pk_io again) noexcept {
    if (n > 0) return PK_IO_DONE;
    if (n == 0) return PK_IO_END;
    return errno == EAGAIN ? again : pk_io{PK_IO_FAILED};
}

pk_io agree(pk_conn* c) {
    std::uint32_t count = 0;
    const pk_str* offered = c->api->protocols(c, &count);
    if (of(c).key == 'P' && count > 1) c->api->set_protocol(c, offered[count - 1]);
    return ::send(c->fd, "K", 1, MSG_NOSIGNAL) == 1 ? pk_io{PK_IO_DONE} : failed(c, "no room");
}

// A job of its own: what resumes must not run on the worker.
pk_io pause_for_job(pk_conn* c) {
    pk_conn_job job{
        sizeof job,  0, c, [](void*) {}, [](pk_conn* conn, void*) {
                        conn->api->resume(conn); },
        [](void*) {}};
    return c->api->submit(c, &job) == PK_OK ? pk_io{PK_IO_PAUSED} : failed(c, "no job");
}

pk_io pause_for_waker(pk_conn* c) {
    const pk_waker waker = c->api->make_waker(c);
    veil& v = plugin_of(c);
    if (v.ringer.joinable()) v.ringer.join();
    v.ringer = std::thread([waker, host = v.host().raw()] {
        const void* table = host->get(host, pk::str(PK_WAKER_ID));
        static_cast<const pk_waker_service*>(table)->wake(host, waker);
    });
    return PK_IO_PAUSED;
}

pk_io accept_side(pk_conn* c) {
    state& s = of(c);
    while (s.size < sizeof s.seen) {
        const ssize_t n = ::recv(c->fd, s.seen + s.size, sizeof s.seen - s.size, 0);
        const pk_io answer = result_of(n, PK_IO_WANT_READ);
        if (answer == PK_IO_END) return failed(c, "it ended early");
        if (answer != PK_IO_DONE) return answer;
        s.size += static_cast<std::uint32_t>(n);
    }
    if (std::memcmp(s.seen, "VEIL", 4) != 0) return failed(c, "no veil");
    s.key = s.seen[4];
    s.key_text[0] = s.key;
    if (!s.paused++) {
        if (s.key == 'J') return pause_for_job(c);
        if (s.key == 'W') return pause_for_waker(c);
        if (s.key == 'N') return PK_IO_PAUSED;
    }
    return agree(c);
}

pk_io connect_side(pk_conn* c) {
    state& s = of(c);
    if (!s.paused++) {
        s.key = '*';
        if (::send(c->fd, "VEIL*", 5, MSG_NOSIGNAL) != 5) return failed(c, "no room");
    }
    char k = 0;
    const pk_io answer = result_of(::recv(c->fd, &k, 1, 0), PK_IO_WANT_READ);
    if (answer == PK_IO_DONE) return k == 'K' ? pk_io{PK_IO_DONE} : failed(c, "no veil there");
    return answer == PK_IO_END ? failed(c, "it ended early") : answer;
}

pk_io handshake(pk_conn* c) {
    return c->side == PK_SIDE_ACCEPT ? accept_side(c) : connect_side(c);
}

pk_io read(pk_conn* c, char* into, std::uint64_t size, std::uint64_t* n) {
    const ssize_t got = ::recv(c->fd, into, size, 0);
    if (got > 0) *n = static_cast<std::uint64_t>(got);
    for (ssize_t i = 0; i < got; ++i) into[i] ^= of(c).key;
    if (got > 0 && got < static_cast<ssize_t>(size)) return PK_IO_DRAINED;
    return result_of(got, PK_IO_WANT_READ);
}

pk_io write(pk_conn* c, const pk_slice_view* bytes, std::uint64_t* n) {
    char veiled[1000];  // Not a round number: callers must come back for the rest.
    const pk_slice& first = *bytes->first;
    const auto size = std::min<std::uint64_t>(first.size, sizeof veiled);
    for (std::uint64_t i = 0; i < size; ++i)
        veiled[i] = static_cast<char>(first.data[i] ^ of(c).key);
    const ssize_t sent = ::send(c->fd, veiled, size, MSG_NOSIGNAL);
    if (sent > 0) *n = static_cast<std::uint64_t>(sent);
    return result_of(sent, PK_IO_WANT_WRITE);
}

pk_io close_write(pk_conn*) {
    return PK_IO_DONE;
}

std::uint32_t serves(pk_conn*, pk_str host) {
    return !pk::view(host).starts_with("else");
}

const pk_str* variables(void*, std::uint32_t* count) {
    static const pk_str names[] = {pk::str("veil.key")};
    *count = 1;
    return names;
}

pk_status variable(pk_conn* c, std::uint32_t, pk_str* value) {
    *value = {of(c).key_text, 1};
    return PK_OK;
}

struct veil_transport {
    static constexpr std::string_view id = PK_TRANSPORT_ID;
    using plugin = veil;
    static constexpr pk_transport table{sizeof(pk_transport),
                                        sizeof(state),
                                        &pk::detail::factory_of<veil, pk::no_options>::table,
                                        PK_TRANSPORT_SECURE,
                                        0,
                                        [](pk_conn*) -> pk_status { return PK_OK; },
                                        handshake,
                                        read,
                                        write,
                                        close_write,
                                        [](pk_conn*) {},
                                        nullptr,
                                        serves,
                                        variables,
                                        variable,
                                        nullptr};
};

}  // namespace

PKERNEL_PLUGIN("veil", "1.0.0", "A toy transport, for tests.", veil_transport);

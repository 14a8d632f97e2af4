#include "kernel/net/transport.hpp"

#include <algorithm>

namespace pkernel::net {

namespace {

constexpr std::size_t failure_text_max = 256;

std::string_view view(pk_str s) noexcept {
    return {s.data, s.size};
}

pk_str str(std::string_view s) noexcept {
    return {s.data(), s.size()};
}

}  // namespace

// The functions of pk_conn_api.
struct session_calls {
    static const pk_str* protocols(pk_conn* c, std::uint32_t* count) {
        const auto& all = session::of(c).plan_.protocols;
        *count = static_cast<std::uint32_t>(all.size());
        return all.data();
    }
    static pk_status set_protocol(pk_conn* c, pk_str protocol) {
        session& s = session::of(c);
        if (protocol.size == 0) {
            s.protocol_ = {};
            return PK_OK;
        }
        for (const pk_str& each : s.plan_.protocols)
            if (view(each) == view(protocol)) {
                s.protocol_ = view(each);
                return PK_OK;
            }
        return PK_INVALID;
    }
    static pk_str peer_name(pk_conn* c) { return str(session::of(c).about_.peer_name); }
    static pk_str place(pk_conn* c) { return str(session::of(c).about_.place); }
    static pk_address peer(pk_conn* c) { return session::of(c).about_.peer; }
    static void resume(pk_conn* c) { session::of(c).resume(); }
    static pk_waker make_waker(pk_conn* c) {
        session& s = session::of(c);
        return s.context_.services.make_waker(s);
    }
    static pk_status submit(pk_conn* c, const pk_conn_job* job) {
        session& s = session::of(c);
        return s.context_.services.submit(s, *job);
    }
    static void fail(pk_conn* c, std::uint32_t cause, pk_str text) {
        session& s = session::of(c);
        s.cause_ = cause;
        s.failure_.assign(text.data, std::min<std::size_t>(text.size, failure_text_max));
    }
    static std::uint32_t more(pk_conn* c) { return session::of(c).more_; }
    static constexpr pk_conn_api table{sizeof(pk_conn_api), 0,       &protocols, &set_protocol,
                                       &peer_name,          &place,  &peer,      &resume,
                                       &make_waker,         &submit, &fail,      &more};
};

session::session(session_context& in, const transport_plan& plan, int socket, const facts& about,
                 session_owner& owner)
    : pk_conn{}, context_(in), plan_(plan), about_(about), owner_(&owner) {
    if (plan.hooks.state_size) state_ = std::make_unique<std::byte[]>(plan.hooks.state_size);
    static_cast<pk_conn&>(*this) = {&session_calls::table, state_.get(), plan.instance->self(),
                                    socket, about.side};
}

std::unique_ptr<session> session::open(session_context& in, const transport_plan& plan, int socket,
                                       const facts& about, session_owner& owner) {
    std::unique_ptr<session> s(new session(in, plan, socket, about, owner));
    const plugin::call_marker mark(in.marker, plan.instance->number());
    if (plan.hooks.open(s.get()) != PK_OK) return nullptr;
    s->opened_ = true;
    return s;
}

session::~session() {
    context_.services.forget(*this);
    if (!opened_) return;
    const plugin::call_marker mark(context_.marker, plan_.instance->number());
    plan_.hooks.closed(this);
}

pk_io session::handshake() {
    if (paused_ && !resumed_) return PK_IO_PAUSED;
    pk_io answer;
    do {
        resumed_ = paused_ = false;
        const plugin::call_marker mark(context_.marker, plan_.instance->number());
        answer = plan_.hooks.handshake(this);
    } while (answer == PK_IO_PAUSED && resumed_);
    paused_ = answer == PK_IO_PAUSED;
    if (answer == PK_IO_FAILED) failed_ = true;
    if (answer == PK_IO_DONE && plan_.hooks.plaintext) {
        const plugin::call_marker mark(context_.marker, plan_.instance->number());
        plaintext_ = plan_.hooks.plaintext(this);
    }
    return answer;
}

io_result session::result(pk_io answer, std::uint64_t n) noexcept {
    switch (answer) {
        case PK_IO_DONE:
            return {io_status::done, static_cast<std::size_t>(n)};
        case PK_IO_WANT_READ:
        case PK_IO_WANT_WRITE:
            return {io_status::would_block, 0};
        case PK_IO_END:
            return {io_status::end, 0};
        default:
            failed_ = true;
            return {io_status::failed, 0};
    }
}

io_result session::receive(char* at, std::size_t size) noexcept {
    if (failed_) return {io_status::failed, 0};
    const plugin::call_marker mark(context_.marker, plan_.instance->number());
    std::uint64_t n = 0;
    pk_io answer = plan_.hooks.read(this, at, size, &n);
    drained_ = answer == PK_IO_DRAINED;
    if (drained_) answer = PK_IO_DONE;
    return result(answer == PK_IO_DONE && (n == 0 || n > size) ? pk_io{PK_IO_FAILED} : answer, n);
}

io_result session::send(base::slice_queue& out, bool more) noexcept {
    if (failed_) return {io_status::failed, 0};
    more_ = more;
    const auto all = out.view();
    const auto most = out.bytes();
    const plugin::call_marker mark(context_.marker, plan_.instance->number());
    std::uint64_t n = 0;
    const pk_io answer = plan_.hooks.write(this, &all, &n);
    if (n > most || (answer == PK_IO_DONE && n == 0)) return result(PK_IO_FAILED, 0);
    out.consume(n);
    return result(answer, n);
}

bool session::close_write() noexcept {
    if (failed_) return true;
    const plugin::call_marker mark(context_.marker, plan_.instance->number());
    const pk_io answer = plan_.hooks.close_write(this);
    return answer != PK_IO_WANT_WRITE && answer != PK_IO_WANT_READ;
}

bool session::serves(std::string_view host) noexcept {
    if (!plan_.hooks.serves) return true;
    const plugin::call_marker mark(context_.marker, plan_.instance->number());
    return plan_.hooks.serves(this, str(host)) != 0;
}

bool session::variable(std::uint32_t index, std::string_view& value) noexcept {
    if (!plan_.hooks.variable || failed_) return false;
    pk_str found{nullptr, 0};
    const plugin::call_marker mark(context_.marker, plan_.instance->number());
    if (plan_.hooks.variable(this, index, &found) != PK_OK) return false;
    value = view(found);
    return true;
}

}  // namespace pkernel::net

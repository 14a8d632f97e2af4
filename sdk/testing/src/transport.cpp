#include <sys/socket.h>
#include <unistd.h>

#include <pkernel/testing/transport.hpp>
#include <pkernel/text.hpp>

#include <stdexcept>

namespace pk::testing {

// The functions of pk_conn_api.
struct conn_calls {
    static transport_conn& of(pk_conn* c) noexcept { return *reinterpret_cast<transport_conn*>(c); }

    static const pk_str* protocols(pk_conn* c, std::uint32_t* count) {
        *count = static_cast<std::uint32_t>(of(c).protocols_.size());
        return of(c).protocols_.data();
    }
    static pk_status set_protocol(pk_conn* c, pk_str protocol) {
        for (const pk_str& each : of(c).protocols_) {
            if (view(each) != view(protocol)) continue;
            of(c).protocol_ = view(protocol);
            return PK_OK;
        }
        return PK_INVALID;
    }
    static pk_str peer_name(pk_conn* c) { return str(of(c).about_.peer_name); }
    static pk_str place(pk_conn* c) { return str(of(c).about_.place); }
    static pk_address peer(pk_conn*) { return {4, 4000, {192, 0, 2, 1}, 0, 0}; }
    static void resume(pk_conn*) {}
    static pk_waker make_waker(pk_conn*) { return {0, 0}; }
    static pk_status submit(pk_conn*, const pk_conn_job*) { return PK_UNSUPPORTED; }
    static void fail(pk_conn* c, std::uint32_t cause, pk_str text) {
        of(c).cause_ = cause;
        of(c).failure_ = view(text);
    }
    static std::uint32_t more(pk_conn* c) { return of(c).more_; }
    static constexpr pk_conn_api table{sizeof(pk_conn_api), 0,      protocols, set_protocol,
                                       peer_name,           place,  peer,      resume,
                                       make_waker,          submit, fail,      more};
};

transport_conn::transport_conn(const pk_transport& table, void* instance, std::uint32_t side,
                               const conn_spec& about)
    : table_(table), about_(about), state_(table.state_size / sizeof(std::max_align_t) + 1) {
    for (const std::string& p : about_.protocols) protocols_.push_back(str(p));
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        throw std::runtime_error("no socket pair");
    }
    peer_ = fds[1];
    conn_ = {&conn_calls::table, state_.data(), instance, fds[0], side};
    const inside plugin(true);
    opened_ = table_.open(&conn_) == PK_OK;
}

transport_conn::~transport_conn() {
    if (opened_) {
        const inside plugin(true);
        table_.closed(&conn_);
    }
    ::close(conn_.fd);
    close_peer();
}

void transport_conn::close_peer() {
    if (peer_ >= 0) ::close(peer_);
    peer_ = -1;
}

pk_io transport_conn::handshake() {
    if (failed_) return PK_IO_FAILED;
    const inside plugin(true);
    const pk_io answer = table_.handshake(&conn_);
    failed_ = answer == PK_IO_FAILED;
    return answer;
}

pk_io transport_conn::read_once(std::string& into, std::size_t room) {
    if (failed_) return PK_IO_FAILED;
    std::string part(room, '\0');
    std::uint64_t n = 0;
    pk_io answer;
    {
        const inside plugin(true);
        answer = table_.read(&conn_, part.data(), room, &n);
    }
    failed_ = answer == PK_IO_FAILED;
    into.append(part, 0, n);
    return answer;
}

pk_io transport_conn::read(std::string& into, std::size_t room) {
    pk_io answer;
    do {
        answer = read_once(into, room);
    } while (answer == PK_IO_DONE);
    return answer;
}

pk_io transport_conn::write(std::vector<std::string>& slices, bool more) {
    more_ = more;
    std::vector<pk_slice> all;
    for (const std::string& s : slices) all.push_back({s.data(), s.size(), nullptr});
    const pk_slice_view bytes{all.data(), static_cast<std::uint32_t>(all.size()), sizeof(pk_slice)};
    std::uint64_t n = 0;
    pk_io answer;
    {
        const inside plugin(true);
        answer = table_.write(&conn_, &bytes, &n);
    }
    failed_ = answer == PK_IO_FAILED;
    while (n > 0 && !slices.empty()) {
        const auto part = std::min<std::uint64_t>(n, slices.front().size());
        slices.front().erase(0, part);
        n -= part;
        if (slices.front().empty()) slices.erase(slices.begin());
    }
    if (n > 0) throw std::runtime_error("the transport took more than was offered");
    return answer;
}

pk_io transport_conn::close_write() {
    const inside plugin(true);
    return table_.close_write(&conn_);
}

bool transport_conn::serves(std::string_view host) {
    const inside plugin(true);
    return table_.serves == nullptr || table_.serves(&conn_, str(host)) != 0;
}

std::string transport_conn::variable(std::string_view name) {
    std::uint32_t count = 0;
    const pk_str* names = table_.variables(conn_.instance, &count);
    for (std::uint32_t i = 0; i < count; ++i) {
        pk_str value{};
        if (view(names[i]) != name) continue;
        if (table_.variable(&conn_, i, &value) != PK_OK) return "(none)";
        return std::string(view(value));
    }
    throw std::runtime_error("no variable " + std::string(name));
}

transport_under_test::transport_under_test(std::string_view options, const setup& with,
                                           const std::string& file)
    : instance_(file, PK_TRANSPORT_ID, options, with),
      table_(static_cast<const pk_transport*>(instance_.table())),
      side_(with.side) {}

std::string transport_under_test::load_error(std::string_view options, const setup& with,
                                             const std::string& file) {
    try {
        const instance_under_test once(file, PK_TRANSPORT_ID, options, with);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

std::unique_ptr<transport_conn> transport_under_test::open(const conn_spec& about) {
    return std::make_unique<transport_conn>(*table_, instance_.raw(), side_, about);
}

}  // namespace pk::testing

#include "channel.hpp"

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <stdexcept>

namespace dns {

namespace {

constexpr const char* system_file = "/etc/resolv.conf";
// What fits into a packet that no router cuts (RFC 9715); more comes by TCP.
constexpr int udp_bytes_max = 1232;

[[noreturn]] void refuse(const char* what, int status) {
    throw std::runtime_error(std::string(what) + ": " + ares_strerror(status));
}

}  // namespace

waker_fd::waker_fd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::runtime_error("no eventfd");
}
waker_fd::~waker_fd() {
    ::close(fd_);
}
void waker_fd::ring() noexcept {
    (void)!::eventfd_write(fd_, 1);
}
void waker_fd::clear() noexcept {
    eventfd_t count;
    (void)!::eventfd_read(fd_, &count);
}

channel::channel(const channel_settings& conf)
    : from_file_(conf.servers.empty()), made_of_(resolv_conf()) {
    ares_options options{};
    options.flags = ARES_FLAG_EDNS;
    options.timeout = conf.timeout_ms;
    options.tries = conf.tries;
    options.ednspsz = udp_bytes_max;
    options.sock_state_cb = &state_changed;
    options.sock_state_cb_data = this;
    int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                ARES_OPT_SOCK_STATE_CB;
    // Of c-ares since 1.20: each query from a port of its own; no memory beside ours.
#ifdef ARES_OPT_UDP_MAX_QUERIES
    options.udp_max_queries = 1;
    given |= ARES_OPT_UDP_MAX_QUERIES;
#endif
#ifdef ARES_OPT_QUERY_CACHE
    options.qcache_max_ttl = 0;
    given |= ARES_OPT_QUERY_CACHE;
#endif
    const int status = ares_init_options(&raw_, &options, given);
    if (status != ARES_SUCCESS) refuse("c-ares does not start", status);
    if (from_file_) return;
    const int taken = ares_set_servers_ports_csv(raw_, conf.servers.c_str());
    if (taken == ARES_SUCCESS) return;
    ares_destroy(raw_);
    refuse("c-ares does not take the servers", taken);
}

channel::~channel() {
    ares_destroy(raw_);
}

void channel::ask(const std::string& name, record_type type, ares_callback back, void* with) {
    constexpr int class_in = 1;
    ares_search(raw_, name.c_str(), class_in, static_cast<int>(type), back, with);
}

std::vector<pk_address> channel::in_hosts_file(const std::string& name, record_type type) {
    const bool v4 = type == record_type::a;
    hostent* host = nullptr;
    if (ares_gethostbyname_file(raw_, name.c_str(), v4 ? AF_INET : AF_INET6, &host) != ARES_SUCCESS)
        return {};
    std::vector<pk_address> out;
    for (char** at = host->h_addr_list; *at && out.size() < addresses_max; ++at) {
        pk_address& a = out.emplace_back();
        a.family = v4 ? 4 : 6;
        std::memcpy(a.bytes, *at, v4 ? 4 : 16);
    }
    ares_free_hostent(host);
    return out;
}

int channel::wait_time(int at_most) const {
    timeval longest{at_most / 1000, at_most % 1000 * 1000}, own{};
    const timeval* next = ares_timeout(raw_, at_most < 0 ? nullptr : &longest, &own);
    if (!next) return -1;
    return static_cast<int>(next->tv_sec * 1000 + (next->tv_usec + 999) / 1000);
}

void channel::add_fds(std::vector<pollfd>& to) const {
    for (const auto& [fd, events] : fds_) to.push_back({fd, events, 0});
}

void channel::process(const pollfd* first, std::size_t count) {
    for (const auto* p = first; p != first + count; ++p) {
        const bool in = p->revents & (POLLIN | POLLHUP | POLLERR);
        const bool out = p->revents & (POLLOUT | POLLERR);
        if (in || out)
            ares_process_fd(raw_, in ? p->fd : ARES_SOCKET_BAD, out ? p->fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(raw_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // Times that are over.
}

void channel::state_changed(void* self, ares_socket_t fd, int readable, int writable) {
    auto& fds = static_cast<channel*>(self)->fds_;
    const auto events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    if (events)
        fds[fd] = events;
    else
        fds.erase(fd);
}

channel::file_state channel::resolv_conf() {
    struct stat s;
    if (::stat(system_file, &s) != 0) return {};
    return {s.st_size, static_cast<std::int64_t>(s.st_ino), s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
}

bool channel::is_outdated() const {
    return from_file_ && resolv_conf() != made_of_;
}

}  // namespace dns

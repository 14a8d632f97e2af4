#include "resolver.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <pkernel/address.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace dns {

namespace {

constexpr milliseconds channel_again{1000};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool by_bytes(const pk_address& a, const pk_address& b) noexcept {
    return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) < 0;
}

// Whether this machine knows a way there: of a family that it does not have, none of the
// addresses. Nothing is sent.
bool has_route(const pk_address& a) noexcept {
    sockaddr_storage to{};
    socklen_t size = sizeof(sockaddr_in);
    constexpr std::uint16_t any_port = 9;
    if (a.family == 4) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(to);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(any_port);
        std::memcpy(&v4.sin_addr, a.bytes, 4);
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(any_port);
        std::memcpy(&v6.sin6_addr, a.bytes, 16);
        size = sizeof(sockaddr_in6);
    }
    const int fd = ::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool known = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), size) == 0;
    ::close(fd);
    return known;
}

// Families taking turns, IPv6 first (RFC 8305 section 4).
std::vector<pk_address> in_turns(const std::vector<pk_address>& all) {
    std::array<std::vector<pk_address>, 2> by_family;
    for (const pk_address& a : all) by_family[a.family == 4].push_back(a);
    std::vector<pk_address> out;
    for (std::size_t i = 0; out.size() < all.size(); ++i)
        for (const auto& family : by_family)
            if (i < family.size()) out.push_back(family[i]);
    return out;
}

const char* said_by(int status) noexcept {
    switch (status) {
        case ARES_ENOTFOUND:
            return "the name does not exist (NXDOMAIN)";
        case ARES_ENODATA:
            return "the name has no address";
        case ARES_ESERVFAIL:
            return "the server failed (SERVFAIL)";
        case ARES_ETIMEOUT:
            return "no server answers";
        case ARES_ECONNREFUSED:
            // What c-ares says after each server was passed over, for SERVFAIL as well.
            return "each server failed (SERVFAIL) or cannot be reached";
        case ARES_EREFUSED:
            return "the server refuses to answer";
        default:
            return ares_strerror(status);
    }
}

int ms_until(clock::time_point due, clock::time_point now) {
    if (due <= now) return 0;
    return static_cast<int>(std::chrono::ceil<milliseconds>(due - now).count());
}

std::mutex all_mutex;

std::map<resolver_settings, std::weak_ptr<resolver>>& all_resolvers() {
    static std::map<resolver_settings, std::weak_ptr<resolver>> all;
    return all;
}

}  // namespace

// What c-ares gives back with an answer. Its name may be watched by nobody any more.
struct resolver::question {
    resolver* by;
    std::weak_ptr<name> of;
    std::size_t half;
};

std::shared_ptr<resolver> resolver::shared(const resolver_settings& conf) {
    const std::lock_guard hold(all_mutex);
    auto& all = all_resolvers();
    std::erase_if(all, [](const auto& one) { return one.second.expired(); });
    if (auto there = all[conf].lock()) return there;
    std::shared_ptr<resolver> made(new resolver(conf));
    all[conf] = made;
    return made;
}

resolver::resolver(const resolver_settings& conf) : conf_(conf), thread_([this] { run(); }) {}

resolver::~resolver() {
    {
        const std::lock_guard hold(mutex_);
        ended_ = true;
    }
    wake_.ring();
    thread_.join();
}

void resolver::watch(const pk::discovery_upstream& who, bool one_endpoint, const pk::host& log) {
    const std::lock_guard hold(mutex_);
    for (std::uint32_t i = 0; i < who.entry_count(); ++i) {
        auto& n = names_[lower(who.host(i))];
        if (!n) {
            n = std::make_shared<name>();
            n->text = lower(who.host(i));
            n->halves[0].type = record_type::a;
            n->halves[0].wanted = conf_.ipv4;
            n->halves[1].type = record_type::aaaa;
            n->halves[1].wanted = conf_.ipv6;
        }
        const watcher& w = n->watchers.emplace_back(watcher{who, i, one_endpoint, log});
        tell_addresses(*n, w);  // What was good, should it fail just now.
        if (!is_good(*n)) tell(*n, w);
    }
    wake_.ring();
}

void resolver::unwatch(const pk::discovery_upstream& who) {
    const std::lock_guard hold(mutex_);
    for (const auto& [text, n] : names_)
        std::erase_if(n->watchers, [&](const watcher& w) { return w.upstream == who; });
    std::erase_if(names_, [](const auto& item) { return item.second->watchers.empty(); });
}

void resolver::run() {
    std::unique_lock hold(mutex_);
    std::vector<pollfd> fds;
    while (!ended_) {
        renew_channel(clock::now());
        const int step_time = step(clock::now());
        fds.assign(1, {wake_.fd(), POLLIN, 0});
        if (channel_) channel_->add_fds(fds);
        const int wait = channel_ ? channel_->wait_time(step_time) : step_time;
        hold.unlock();
        ::poll(fds.data(), fds.size(), wait);
        hold.lock();
        wake_.clear();
        if (channel_) channel_->process(fds.data() + 1, fds.size() - 1);
    }
    channel_.reset();
}

// Another /etc/resolv.conf is another channel, once nothing is on the way.
void resolver::renew_channel(clock::time_point now) {
    if (channel_ && (on_the_way_ > 0 || !channel_->is_outdated())) return;
    if (!channel_ && now < channel_due_) return;
    channel_.reset();
    channel_due_ = now + channel_again;
    try {
        channel_ = std::make_unique<channel>(conf_.servers);
    } catch (const std::runtime_error& e) {
        channel_problem_ = e.what();
    }
}

// Does what is due. How long until there is more, in ms; -1: never.
int resolver::step(clock::time_point now) {
    for (const auto& [text, n] : names_)
        for (half& h : n->halves)
            if (h.wanted && !h.asked && h.due <= now && on_the_way_ < queries_max) ask(n, h);
    auto next = clock::time_point::max();
    for (const auto& [text, n] : names_) {
        if (n->settled <= now) {
            n->settled = clock::time_point::max();
            tell(*n);
        }
        next = std::min(next, n->settled);
        for (const half& h : n->halves)
            if (h.wanted && !h.asked && h.due > now) next = std::min(next, h.due);
    }
    return next == clock::time_point::max() ? -1 : ms_until(next, now);
}

void resolver::ask(const std::shared_ptr<name>& n, half& h) {
    if (!channel_) {
        fail(h, channel_problem_);
        return end_half(*n, h);
    }
    if (conf_.hosts_file && look_in_hosts(*n, clock::now())) return;
    h.asked = true;
    ++on_the_way_;
    const auto index = static_cast<std::size_t>(&h - n->halves.data());
    const auto back = [](void* raw, int status, int, unsigned char* bytes, int size) {
        const std::unique_ptr<question> q(static_cast<question*>(raw));
        const auto* text = reinterpret_cast<const char*>(bytes);
        q->by->answered(
            *q, status,
            bytes ? std::string_view(text, static_cast<std::size_t>(size)) : std::string_view());
    };
    channel_->ask(n->text, h.type, back, new question{this, n, index});
}

// The file goes before the servers, and what stands there is the administrator's own word.
bool resolver::look_in_hosts(name& n, clock::time_point now) {
    std::array<std::vector<pk_address>, 2> found;
    for (std::size_t i = 0; i < found.size(); ++i)
        if (n.halves[i].wanted) found[i] = channel_->in_hosts_file(n.text, n.halves[i].type);
    if (found[0].empty() && found[1].empty()) return false;
    for (std::size_t i = 0; i < found.size(); ++i) {
        half& h = n.halves[i];
        std::sort(found[i].begin(), found[i].end(), by_bytes);
        h.is = found[i].empty() ? state::empty : state::good;
        h.last = std::move(found[i]);
        h.due = now + conf_.ttl_max;
        h.delay = {};
    }
    n.settled = now;
    return true;
}

void resolver::answered(question& q, int status, std::string_view message) {
    --on_the_way_;
    const auto n = q.of.lock();
    if (!n || ended_ || status == ARES_EDESTRUCTION) return;
    half& h = n->halves[q.half];
    h.asked = false;
    if (status == ARES_SUCCESS)
        take(*n, h, read_answer(message, h.type));
    else if (status == ARES_ENODATA)
        take(*n, h, answer{});
    else
        fail(h, said_by(status));
    end_half(*n, h);
}

void resolver::take(name& n, half& h, const answer& a) {
    if (a.problem) return fail(h, a.problem);
    auto good = a.addresses;
    for (pk_address& one : good) one = pk::unmapped(one);
    leave_out(n, good, a.more);
    if (good.empty() && !a.addresses.empty())
        return fail(h, "none of its addresses may be used; the first is " +
                           std::string(pk::ip_text(a.addresses.front()).view()));
    if (good.empty()) {
        fail(h, said_by(ARES_ENODATA));
        h.is = state::empty;
        return;
    }
    std::sort(good.begin(), good.end(), by_bytes);
    h.is = state::good;
    h.last = std::move(good);
    h.delay = {};
    const milliseconds ttl = std::chrono::seconds(a.ttl);
    h.due = clock::now() + std::clamp(ttl, conf_.ttl_min, conf_.ttl_max);
}

// What must not be used, with a line of the log when it is another than before.
void resolver::leave_out(name& n, std::vector<pk_address>& from, bool more) {
    std::string out;
    std::erase_if(from, [&](const pk_address& a) {
        if (!is_nowhere(a) && (conf_.allow_local || !is_local(a))) return false;
        out += ' ' + std::string(pk::ip_text(a).view());
        return true;
    });
    if (more) out += " and those after the first " + std::to_string(addresses_max);
    if (!out.empty()) note(n, n.text + ": addresses that are not used:" + out);
}

void resolver::fail(half& h, std::string_view why) {
    h.is = state::failed;
    h.why = why;
    h.delay = std::clamp(h.delay * 2, again_first, again_last);
    h.due = clock::now() + h.delay;
}

void resolver::end_half(name& n, half& h) {
    const auto now = clock::now();
    half& other = n.halves[&h == n.halves.data() ? 1 : 0];
    // A name that has no address of one family is not asked for one more often than for the other.
    if (h.is == state::good && other.is == state::empty) other.due = std::max(other.due, h.due);
    if (other.is == state::good && h.is == state::empty) h.due = std::max(h.due, other.due);
    if (!other.asked)
        n.settled = now;
    else if (h.is == state::good)
        n.settled = std::min(n.settled, now + settle);
}

// The good ones, and what was good of a family that failed; without those that no way leads to, if
// one leads to others.
std::vector<pk_address> resolver::addresses_of(const name& n) {
    std::vector<pk_address> all;
    const bool good = is_good(n);
    for (const half& h : n.halves)
        if (!good || h.is != state::empty) all.insert(all.end(), h.last.begin(), h.last.end());
    auto reachable = all;
    std::erase_if(reachable, [](const pk_address& a) { return !has_route(a); });
    if (!reachable.empty()) all.swap(reachable);
    if (all.size() > addresses_max) all.resize(addresses_max);
    return all;
}

bool resolver::is_good(const name& n) {
    return n.halves[0].is == state::good || n.halves[1].is == state::good;
}

// The reason of the first that failed; that there is no address only if no other is known.
std::string resolver::failure_of(const name& n) {
    for (const state is : {state::failed, state::empty})
        for (const half& h : n.halves)
            if (h.wanted && h.is == is) return h.why;
    return {};
}

void resolver::tell(name& n) {
    const bool waits = n.halves[0].asked || n.halves[1].asked;
    if (!is_good(n) && waits) return;
    for (const watcher& w : n.watchers) tell(n, w);
}

void resolver::tell(const name& n, const watcher& w) {
    if (is_good(n)) return tell_addresses(n, w);
    const auto why = failure_of(n);
    if (!why.empty()) w.upstream.failed(w.entry, why);
}

void resolver::tell_addresses(const name& n, const watcher& w) {
    const auto all = addresses_of(n);
    if (all.empty()) return;
    if (w.one_endpoint)
        (void)w.upstream.found_one(w.entry, in_turns(all));
    else
        (void)w.upstream.found_each(w.entry, all);
}

void resolver::note(name& n, std::string said) {
    if (n.told_of == said || n.watchers.empty()) return;
    n.watchers.front().host.log(PK_LOG_WARNING, said);
    n.told_of = std::move(said);
}

}  // namespace dns

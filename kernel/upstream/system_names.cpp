#include "kernel/upstream/system_names.hpp"

#include <netdb.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "kernel/base/log.hpp"

namespace pkernel::upstream {

using net::socket_address;
using steady = std::chrono::steady_clock;

namespace {

// The first of each family, then the second of each, and so on; the first family is the system's.
std::vector<socket_address> take_turns(const std::vector<socket_address>& from) {
    std::vector<socket_address> own, other, out;
    for (const socket_address& a : from)
        (a.family() == from.front().family() ? own : other).push_back(a);
    for (std::size_t i = 0; i < std::max(own.size(), other.size()); ++i) {
        if (i < own.size()) out.push_back(own[i]);
        if (i < other.size()) out.push_back(other[i]);
    }
    return out;
}

struct question {
    std::string host;
    std::uint16_t port;
    system_names::answer to;
    std::chrono::milliseconds delay{0};
};

}  // namespace

// Threads hold it: one that hangs in the C library outlives its owner.
struct system_names::state {
    explicit state(lookup_fn fn) : lookup(std::move(fn)) {}
    const lookup_fn lookup;
    std::mutex mutex;
    std::condition_variable changed;
    std::multimap<steady::time_point, question> waiting;  // By when it is asked.
    unsigned threads = 0, idle = 0;
    bool ended = false;
};

std::vector<socket_address> system_names::by_libc(const std::string& host, std::uint16_t port,
                                                  std::string& why) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (rc != 0) {
        why = ::gai_strerror(rc);
        return {};
    }
    std::vector<socket_address> out;
    for (const addrinfo* a = found; a; a = a->ai_next) {
        socket_address one;
        std::memcpy(&one.storage, a->ai_addr, a->ai_addrlen);
        one.size = a->ai_addrlen;
        out.push_back(one);
    }
    ::freeaddrinfo(found);
    return take_turns(out);
}

system_names::system_names(lookup_fn lookup) : state_(std::make_shared<state>(std::move(lookup))) {}

system_names::~system_names() {
    decltype(state::waiting) unasked;  // What their answers hold may lead here.
    {
        const std::lock_guard hold(state_->mutex);
        state_->ended = true;
        unasked.swap(state_->waiting);
    }
    state_->changed.notify_all();
}

void system_names::ask(std::string host, std::uint16_t port, answer to) {
    const std::lock_guard hold(state_->mutex);
    state_->waiting.emplace(steady::now(), question{std::move(host), port, std::move(to)});
    state_->changed.notify_one();
    if (state_->idle >= state_->waiting.size() || state_->threads == threads_max) return;
    try {
        std::thread([s = state_] { work(s); }).detach();
        ++state_->threads;
    } catch (const std::system_error& e) {
        base::log(base::log_level::error,
                  std::string("no thread to resolve names on: ") + e.what());
    }
}

void system_names::work(const std::shared_ptr<state>& s) {
    std::unique_lock hold(s->mutex);
    while (!s->ended) {
        ++s->idle;
        if (s->waiting.empty())
            s->changed.wait(hold);
        else if (const auto due = s->waiting.begin()->first; due > steady::now())
            s->changed.wait_until(hold, due);
        --s->idle;
        if (s->ended || s->waiting.empty() || s->waiting.begin()->first > steady::now()) continue;
        question q = std::move(s->waiting.extract(s->waiting.begin()).mapped());
        hold.unlock();
        std::string why;
        auto found = s->lookup(q.host, q.port, why);
        hold.lock();
        if (s->ended || !q.to(std::move(found), why)) continue;
        q.delay = std::clamp(q.delay * 2, again_first, again_last);
        const auto due = steady::now() + q.delay;
        s->waiting.emplace(due, std::move(q));
        s->changed.notify_one();
    }
}

}  // namespace pkernel::upstream

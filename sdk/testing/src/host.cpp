#include <pkernel/testing/host.hpp>
#include <pkernel/text.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "fake_stream.hpp"

namespace pk::testing {
namespace {

const void* get(const pk_host* h, pk_str id) {
    const inside host(false);
    if (fake_host::of(h).missing.contains(std::string(view(id)))) return nullptr;
    return service(view(id));
}

std::string placed(const fake_host& host, const pk_node* node, pk_str message) {
    const std::string name =
        node == nullptr || host.options == nullptr ? "" : host.options->name_of(node);
    return name.empty() ? std::string(view(message)) : name + ": " + std::string(view(message));
}

void error(const pk_host* h, const pk_node* node, pk_str message) {
    const inside host(false);
    auto& fake = fake_host::of(h);
    if (view(message).find('\n') != std::string_view::npos) {
        fake.complain("plugin", "an error message holds a newline");
    }
    fake.errors.push_back(placed(fake, node, message));
}

void warning(const pk_host* h, const pk_node* node, pk_str message) {
    const inside host(false);
    auto& fake = fake_host::of(h);
    fake.warnings.push_back(placed(fake, node, message));
}

void depends_on(const pk_host* h, pk_str path) {
    const inside host(false);
    fake_host::of(h).files.emplace_back(view(path));
}

}  // namespace

running& here() noexcept {
    static thread_local running r;
    return r;
}

fake_host::fake_host(std::uint32_t workers) {
    shell_.owner = this;
    shell_.raw = {sizeof(pk_host),         workers, get, error, warning, depends_on,
                  str("plugin under test")};
}

// A breach of the contract that no test asked about is a failure, wherever it was found.
fake_host::~fake_host() {
    if (violations_.empty()) return;
    for (const std::string& v : violations_) std::fprintf(stderr, "violation: %s\n", v.c_str());
    std::abort();
}

fake_host& fake_host::of(const pk_host* h) noexcept {
    return *reinterpret_cast<const shell*>(h)->owner;
}

void fake_host::complain(const std::string& side, const std::string& what) {
    const std::lock_guard lock(mail_lock_);
    violations_.push_back(side + ": " + what);
}

std::vector<std::string> fake_host::take_violations() {
    const std::lock_guard lock(mail_lock_);
    return std::exchange(violations_, {});
}

void fake_host::advance(std::chrono::nanoseconds by) {
    const std::uint64_t until = now + static_cast<std::uint64_t>(by.count());
    run();
    while (true) {
        const auto first =
            std::min_element(timers.begin(), timers.end(), [](const timer& a, const timer& b) {
                return std::pair(a.due, a.id) < std::pair(b.due, b.id);
            });
        if (first == timers.end() || first->due > until) break;
        const timer t = *first;
        timers.erase(first);
        unix_ns += std::max(t.due, now) - now;
        now = std::max(t.due, now);
        if (t.stream != nullptr) {
            t.stream->callback([&](pk_stream* s) { t.on_stream(s, t.arg); });
        } else {
            const inside plugin(true);
            t.on_worker(t.arg);
        }
    }
    unix_ns += until - now;
    now = until;
}

void fake_host::wake(std::uint64_t place, std::uint64_t life) {
    const std::lock_guard lock(mail_lock_);
    mail_.emplace(place, life);
}

std::uint64_t fake_host::place_of(fake_stream* stream) {
    for (const auto& [place, s] : places_) {
        if (s == stream) return place;
    }
    places_[next_id] = stream;
    return next_id++;
}

void fake_host::run() {
    std::set<std::pair<std::uint64_t, std::uint64_t>> mail;
    {
        const std::lock_guard lock(mail_lock_);
        mail.swap(mail_);
    }
    for (const auto& [place, life] : mail) {
        const auto found = places_.find(place);
        if (found != places_.end()) found->second->woken();
    }
}

std::size_t fake_host::run_jobs() {
    std::vector<job> taken = std::exchange(jobs, {});
    for (std::size_t i = 0; i < taken.size(); ++i) {
        job& j = taken[i];
        std::thread([&j] { j.raw.run(j.raw.arg); }).join();
        // forget() cannot see what was taken, so the stream is asked for again.
        const bool alive = std::any_of(places_.begin(), places_.end(),
                                       [&](const auto& p) { return p.second == j.stream; });
        if (j.of_worker) {
            const inside plugin(true);
            j.raw.done(nullptr, j.raw.arg);
        } else if (alive) {
            j.stream->callback([&](pk_stream* s) { j.raw.done(s, j.raw.arg); });
        } else {
            const inside plugin(true);
            j.raw.drop(j.raw.arg);
        }
    }
    return taken.size();
}

void fake_host::forget(fake_stream* stream) {
    std::erase_if(timers, [&](const timer& t) { return t.stream == stream; });
    std::erase_if(requests, [&](const asked& r) { return r.parent == stream; });
    std::erase_if(places_, [&](const auto& p) { return p.second == stream; });
    for (job& j : jobs) {
        if (j.stream == stream) j.stream = nullptr;
    }
}

void fake_host::answer(std::uint64_t id, std::uint32_t status,
                       const std::vector<std::pair<std::string, std::string>>& fields,
                       const std::string& body) {
    const auto at =
        std::find_if(requests.begin(), requests.end(), [&](const asked& r) { return r.id == id; });
    if (at == requests.end()) return complain("test", "answers a request that nobody asked");
    const asked r = *at;
    std::vector<pk_field> sent;
    for (const auto& [name, value] : fields) {
        sent.push_back({str(name), str(value), field_id(std::string_view(name)).number(), 0});
    }
    const pk_field_view head{sent.data(), static_cast<std::uint32_t>(sent.size()),
                             sizeof(pk_field)};
    const pk_slice slice{body.data(), body.size(), nullptr};
    const pk_slice_view data{&slice, 1, sizeof slice};
    const auto play = [&](pk_stream* s) {
        if (r.raw.head != nullptr) r.raw.head(s, r.raw.arg, status, head);
        const bool fits = body.size() <= r.body_limit;
        if (fits && !body.empty() && r.raw.data != nullptr) r.raw.data(s, r.raw.arg, &data);
        const auto still = [&](const asked& q) { return q.id == id; };
        if (std::none_of(requests.begin(), requests.end(), still)) return;  // Cancelled meanwhile.
        std::erase_if(requests, still);
        r.raw.end(s, r.raw.arg, fits ? PK_END_COMPLETE : PK_END_LIMIT, {});
    };
    if (r.parent != nullptr) return r.parent->callback(play);
    const inside plugin(true);
    play(nullptr);
}

void fake_host::fail(std::uint64_t id, std::uint32_t cause) {
    const auto at =
        std::find_if(requests.begin(), requests.end(), [&](const asked& r) { return r.id == id; });
    if (at == requests.end()) return complain("test", "fails a request that nobody asked");
    const asked r = *at;
    requests.erase(at);
    if (r.parent != nullptr) {
        r.parent->callback([&](pk_stream* s) { r.raw.end(s, r.raw.arg, cause, {}); });
        return;
    }
    const inside plugin(true);
    r.raw.end(nullptr, r.raw.arg, cause, {});
}

}  // namespace pk::testing

#include "kernel/upstream/feed.hpp"

#include <algorithm>

#include "kernel/base/log.hpp"
#include "kernel/http/fields.hpp"
#include "kernel/plugin/call_marker.hpp"

namespace pkernel::upstream {

namespace {

bool is_name(const config::endpoint& e) {
    return e.address.kind == config::address_kind::name && net::addresses_of(e.address).empty();
}

// False: an address that nothing can be sent to.
bool take_addresses(const pk_discovered& from, std::uint16_t port, discovered& out) {
    if (from.address_count == 0 || from.address_count > feed::addresses_max) return false;
    out.named = (from.flags & PK_DISCOVERED_NAMED) != 0;
    if (!out.named && from.address_count != 1) return false;
    for (std::uint32_t i = 0; i < from.address_count; ++i) {
        pk_address one = from.addresses[i];
        if ((one.family != 4 && one.family != 6) || one.port > 65535) return false;
        if (one.port == 0) one.port = port;
        out.addresses.push_back(net::to_socket_address(one));
    }
    return true;
}

}  // namespace

discovery_port::discovery_port(plugin::services& all, std::function<void()> ring,
                               system_names::lookup_fn lookup)
    : services(all), ring_(std::move(ring)), names_(std::move(lookup)) {}

void discovery_port::changed() {
    {
        const std::lock_guard hold(mutex_);
        changed_ = true;
        ++count_;
    }
    changes_.notify_all();
    ring_();
}

bool discovery_port::take_change() {
    const std::lock_guard hold(mutex_);
    return std::exchange(changed_, false);
}

void discovery_port::wait(std::chrono::nanoseconds at_most, const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    std::unique_lock hold(mutex_);
    for (;;) {
        const auto seen = count_;
        hold.unlock();
        const bool over = done();
        hold.lock();
        if (over) return;
        if (!changes_.wait_until(hold, until, [&] { return count_ != seen; })) return;
    }
}

feed::feed(const config::upstream& conf, std::shared_ptr<plugin::instance> by, discovery_port& port)
    : pk_discovery_upstream{}, port_(port), upstream_(conf.name), by_(std::move(by)) {
    for (const config::endpoint& e : conf.endpoints)
        if (is_name(e))
            names_.push_back({e.address.host, e.address.text, e.address.port, std::nullopt, {}});
    for (const name& n : names_) entries_.push_back({http::to_str(n.host), n.port, 0});
    if (by_) hooks_ = by_->table<pk_discovery>();
    size = sizeof(pk_discovery_upstream);
    pk_discovery_upstream::name = http::to_str(upstream_);
    entries = entries_.data();
    entry_count = static_cast<std::uint32_t>(entries_.size());
    entry_stride = sizeof(pk_discovery_entry);
    pk_discovery_upstream::found = &publish_found;
    pk_discovery_upstream::failed = &publish_failed;
}

feed::~feed() {
    close();
}

bool feed::is_needed(const config::upstream& conf) {
    return std::any_of(conf.endpoints.begin(), conf.endpoints.end(), is_name);
}

bool feed::serves(const config::upstream& conf, const plugin::instance* by) const {
    if (by_.get() != by || conf.name != upstream_) return false;
    std::size_t at = 0;
    for (const config::endpoint& e : conf.endpoints)
        if (is_name(e) && (at == names_.size() || names_[at++].text != e.address.text))
            return false;
    return at == names_.size();
}

void feed::open() {
    if (std::exchange(opened_, true)) return;
    if (!by_) return ask_system();
    const plugin::call_marker mark(port_.services.marker(), by_->number());
    hooks_.watch(by_->self(), this);
}

void feed::close() {
    {
        const std::lock_guard hold(mutex_);
        if (std::exchange(closed_, true)) return;
    }
    if (!opened_ || !by_) return;
    const plugin::call_marker mark(port_.services.marker(), by_->number());
    hooks_.unwatch(by_->self(), this);
}

void feed::ask_system() {
    for (std::uint32_t i = 0; i < names_.size(); ++i)
        port_.names_.ask(
            names_[i].host, names_[i].port,
            [me = weak_from_this(), i](std::vector<socket_address> all, const std::string& why) {
                const auto self = me.lock();
                if (!self) return false;
                if (all.empty()) {
                    self->failed(i, why);
                    return true;
                }
                self->found(i, {{std::move(all), true}});
                return false;
            });
}

std::optional<discovered_list> feed::of(std::string_view text) const {
    const std::lock_guard hold(mutex_);
    for (const name& n : names_)
        if (n.text == text) return n.known;
    return std::nullopt;
}

bool feed::answered() const {
    const std::lock_guard hold(mutex_);
    return std::all_of(names_.begin(), names_.end(),
                       [](const name& n) { return n.known || !n.failure.empty(); });
}

void feed::found(std::uint32_t entry, discovered_list all) {
    std::string mended;
    {
        const std::lock_guard hold(mutex_);
        name& n = names_[entry];
        if (closed_) return;
        if (!n.failure.empty()) mended = n.text + (n.known ? " is resolved again" : " is resolved");
        n.failure.clear();
        if (n.known == all && mended.empty()) return;
        n.known = std::move(all);
    }
    if (!mended.empty())
        base::log(base::log_level::info, "upstream '" + upstream_ + "': " + mended);
    port_.changed();
}

void feed::failed(std::uint32_t entry, std::string_view why) {
    std::string line;
    {
        const std::lock_guard hold(mutex_);
        name& n = names_[entry];
        why = why.substr(0, reason_bytes_max);
        if (closed_ || n.failure == why) return;
        n.failure = why.empty() ? "no reason given" : why;
        line = "upstream '" + upstream_ + "': " + n.text + " is not resolved: " + n.failure +
               (n.known ? "; what it was before stays in use" : "");
    }
    base::log(base::log_level::warning, line);
    port_.changed();
}

pk_status feed::publish_found(const pk_discovery_upstream* u, std::uint32_t entry,
                              const pk_discovered* all, std::uint32_t count, std::uint32_t stride) {
    auto& self = const_cast<feed&>(of(u));  // The plugin's view of it is const, it is not.
    if (entry >= self.names_.size() || count > endpoints_max || stride < sizeof(pk_discovered))
        return PK_INVALID;
    discovered_list list(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* at = reinterpret_cast<const char*>(all) + std::size_t{stride} * i;
        if (!take_addresses(*reinterpret_cast<const pk_discovered*>(at), self.names_[entry].port,
                            list[i]))
            return PK_INVALID;
    }
    self.found(entry, std::move(list));
    return PK_OK;
}

void feed::publish_failed(const pk_discovery_upstream* u, std::uint32_t entry, pk_str why) {
    auto& self = const_cast<feed&>(of(u));
    if (entry < self.names_.size()) self.failed(entry, http::to_view(why));
}

}  // namespace pkernel::upstream

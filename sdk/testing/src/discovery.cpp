#include <arpa/inet.h>
#include <pkernel/testing/discovery.hpp>

#include <stdexcept>

#include "fake_stream.hpp"

namespace pk::testing {

namespace {

constexpr std::uint32_t endpoints_max = 256, addresses_max = 64;
constexpr std::uint32_t port_of_entries = 80;

std::string text_of(const pk_address& a) {
    char host[INET6_ADDRSTRLEN] = "?";
    ::inet_ntop(a.family == 4 ? AF_INET : AF_INET6, a.bytes, host, sizeof host);
    const auto port = ':' + std::to_string(a.port != 0 ? a.port : port_of_entries);
    return a.family == 4 ? host + port : '[' + std::string(host) + ']' + port;
}

// Empty: the kernel would not take it.
std::string text_of(const pk_discovered& d) {
    const bool named = d.flags & PK_DISCOVERED_NAMED;
    if (d.address_count == 0 || d.address_count > (named ? addresses_max : 1)) return {};
    std::string out = named ? "named" : "";
    for (std::uint32_t i = 0; i < d.address_count; ++i) {
        if (d.addresses[i].family != 4 && d.addresses[i].family != 6) return {};
        out += (out.empty() ? "" : " ") + text_of(d.addresses[i]);
    }
    return out;
}

}  // namespace

discovery_under_test::discovery_under_test(std::vector<std::string> names, std::string_view options,
                                           const setup& with, const std::string& file)
    : names_(std::move(names)),
      said_(names_.size()),
      instance_(file, PK_DISCOVERY_ID, options, with),
      table_(static_cast<const pk_discovery*>(instance_.table())) {
    for (const auto& name : names_) entries_.push_back({str(name), port_of_entries, 0});
    first_.size = sizeof(pk_discovery_upstream);
    first_.name = str("app");
    first_.entries = entries_.data();
    first_.entry_count = static_cast<std::uint32_t>(entries_.size());
    first_.entry_stride = sizeof(pk_discovery_entry);
    first_.found = &found;
    first_.failed = &failed;
    first_.owner = this;
    second_ = first_;
    watch(first_);
}

discovery_under_test::~discovery_under_test() {
    unwatch(first_);
    unwatch(second_);
}

std::string discovery_under_test::load_error(std::string_view options, const setup& with,
                                             const std::string& file) {
    try {
        const instance_under_test once(file, PK_DISCOVERY_ID, options, with);
        return {};
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

discovery_under_test::entry discovery_under_test::said(std::uint32_t of) const {
    const std::lock_guard hold(mutex_);
    return said_[of];
}

bool discovery_under_test::until(const std::function<bool(const entry&)>& what, std::uint32_t of,
                                 std::chrono::milliseconds at_most) const {
    std::unique_lock hold(mutex_);
    return changed_.wait_for(hold, at_most, [&] { return what(said_[of]); });
}

void discovery_under_test::watch_again() {
    watch(second_);
}
void discovery_under_test::unwatch_first() {
    unwatch(first_);
}

void discovery_under_test::watch(shell& which) {
    {
        const std::lock_guard hold(mutex_);
        which.watched = true;
    }
    const inside plugin(true);
    table_->watch(instance_.raw(), &which);
}

void discovery_under_test::unwatch(shell& which) {
    if (!which.watched) return;
    {
        const inside plugin(true);
        table_->unwatch(instance_.raw(), &which);
    }
    const std::lock_guard hold(mutex_);
    which.watched = false;
}

void discovery_under_test::note(const pk_discovery_upstream* u, std::uint32_t of,
                                const std::function<void(entry&)>& change) {
    const std::lock_guard hold(mutex_);
    if (!static_cast<const shell*>(u)->watched)
        return host().complain("plugin", "it speaks of an upstream that it does not watch");
    change(said_[of]);
    changed_.notify_all();
}

pk_status discovery_under_test::found(const pk_discovery_upstream* u, std::uint32_t of,
                                      const pk_discovered* all, std::uint32_t count,
                                      std::uint32_t stride) {
    auto& self = *static_cast<const shell*>(u)->owner;
    if (of >= self.said_.size() || count > endpoints_max || stride < sizeof(pk_discovered))
        return PK_INVALID;
    std::vector<std::string> texts;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* at = reinterpret_cast<const char*>(all) + std::size_t{stride} * i;
        texts.push_back(text_of(*reinterpret_cast<const pk_discovered*>(at)));
        if (texts.back().empty()) return PK_INVALID;
    }
    self.note(u, of, [&](entry& e) {
        e.endpoints = std::move(texts);
        e.failure.clear();
        ++e.found;
    });
    return PK_OK;
}

void discovery_under_test::failed(const pk_discovery_upstream* u, std::uint32_t of, pk_str why) {
    static_cast<const shell*>(u)->owner->note(u, of, [&](entry& e) {
        e.failure = std::string(view(why));
        ++e.failed;
    });
}

}  // namespace pk::testing

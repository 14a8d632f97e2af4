// pk::discovery<T, schema>: makes a plain class find out what the host names of upstreams stand
// for.
//
//     void watch(pk::discovery_upstream)           from now on, until unwatch; [control]
//     void unwatch(pk::discovery_upstream)         says nothing of it any more when it returns
//
// The work is done on a thread of the class's own, that its start begins and its stop ends.

#pragma once

#include <pkernel/abi/discovery.h>
#include <pkernel/detail/factory.hpp>

#include <span>
#include <vector>

namespace pk {

// An upstream with names; a view of the kernel's, from watch until unwatch returns. [any]
class discovery_upstream {
public:
    constexpr discovery_upstream() noexcept = default;
    explicit constexpr discovery_upstream(const pk_discovery_upstream* raw) noexcept : raw_(raw) {}
    bool operator==(const discovery_upstream&) const noexcept = default;

    std::string_view name() const noexcept { return view(raw_->name); }
    std::uint32_t entry_count() const noexcept { return raw_->entry_count; }
    std::string_view host(std::uint32_t entry) const noexcept { return view(at(entry).host); }

    // Each address is an endpoint of its own from now on, at the entry's port where it has none.
    pk_status found_each(std::uint32_t entry, std::span<const pk_address> addresses) const {
        std::vector<pk_discovered> all;
        for (const pk_address& a : addresses) all.push_back({0, 1, &a});
        return raw_->found(raw_, entry, all.data(), static_cast<std::uint32_t>(all.size()),
                           sizeof(pk_discovered));
    }
    // All of them are one endpoint, of which the first that connects serves.
    pk_status found_one(std::uint32_t entry, std::span<const pk_address> addresses) const noexcept {
        const pk_discovered one{PK_DISCOVERED_NAMED, static_cast<std::uint32_t>(addresses.size()),
                                addresses.data()};
        return raw_->found(raw_, entry, &one, addresses.empty() ? 0 : 1, sizeof one);
    }
    // What was found before stays.
    void failed(std::uint32_t entry, std::string_view why) const noexcept {
        raw_->failed(raw_, entry, str(why));
    }

private:
    const pk_discovery_entry& at(std::uint32_t entry) const noexcept {
        const auto* first = reinterpret_cast<const char*>(raw_->entries);
        return *reinterpret_cast<const pk_discovery_entry*>(first + std::size_t{entry} *
                                                                        raw_->entry_stride);
    }
    const pk_discovery_upstream* raw_ = nullptr;
};

template <class T, const auto& Schema = no_options>
struct discovery {
    static constexpr std::string_view id = PK_DISCOVERY_ID;
    using plugin = T;

    template <class F>
    static void contained(void* raw, F f) noexcept {
        detail::call_logged<T>(raw, "exception in a discovery hook", f);
    }
    static void watch(void* raw, const pk_discovery_upstream* u) noexcept {
        contained(raw, [u](T& t) { t.watch(discovery_upstream(u)); });
    }
    static void unwatch(void* raw, const pk_discovery_upstream* u) noexcept {
        contained(raw, [u](T& t) { t.unwatch(discovery_upstream(u)); });
    }

    static constexpr pk_discovery table{sizeof(pk_discovery), 0,
                                        &detail::factory_of<T, Schema>::table, &watch, &unwatch};
};

}  // namespace pk

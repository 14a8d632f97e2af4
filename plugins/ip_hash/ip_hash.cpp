// ip_hash: a client's address decides, so that a client stays with one endpoint.
//
// The address is the client's as the filters of the route vouch for it (behind another proxy:
// `forwarded` with trusted_proxies), else the connection's. Of an IPv6 address only the first 64
// bits count: a host changes the rest at will.

#include <pkernel/plugin.hpp>
#include <pkernel/rendezvous.hpp>

namespace {

class ip_hash {
public:
    explicit ip_hash(pk::host& h) : table_(h.worker_count()) {}

    std::uint32_t pick(const pk::pick& p) const {
        const pk_address client = pk::unmapped(p.request().client());
        return table_.winner(p, key_of(client, p.random()));
    }

private:
    // A client without an address (on a unix socket) has nothing to stay by: anywhere.
    static std::uint64_t key_of(const pk_address& client, std::uint64_t random) noexcept {
        if (client.family != 4 && client.family != 6) return random;
        const std::size_t bytes = client.family == 4 ? 4 : 8;
        return pk::hash_of({reinterpret_cast<const char*>(client.bytes), bytes});
    }

    const pk::rendezvous table_;
};

}  // namespace

PKERNEL_PLUGIN("ip_hash", "1.0.0", "A client's address decides: it stays with one endpoint.",
               pk::balancer<ip_hash>);

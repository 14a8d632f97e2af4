// The keys that session tickets are sealed with.
//
// Random keys change by themselves: a new one seals after `rotate`, the old ones open until no
// ticket of theirs can be alive. Given keys never change. Workers share the ring without a lock: a
// ring is immutable, and those replaced stay until the end.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "openssl.hpp"
#include "settings.hpp"

namespace tls {

struct ticket_key {
    static constexpr std::size_t size = 80;
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
};

class ticket_ring {
public:
    // Throws pk::config_error at a key file of another size.
    ticket_ring(const ticket_settings& conf, std::chrono::nanoseconds now);

    // The key that seals now. [worker]
    const ticket_key& sealing(std::chrono::nanoseconds now);
    // The key of that name that may still open, or null; *newest: no other seals.
    const ticket_key* opening(const unsigned char* name, std::chrono::nanoseconds now,
                              bool* newest) const;

    // Random keys for the next generation's ring, and back. Not for given ones.
    std::string export_keys() const;
    void import_keys(std::string_view bytes, std::chrono::nanoseconds now);

private:
    struct dated_key {
        ticket_key key;
        std::chrono::nanoseconds since;
    };
    struct ring {
        std::vector<dated_key> keys;  // The first seals.
    };
    void publish(ring r);
    void rotate(std::chrono::nanoseconds now);

    const bool given_;
    const std::chrono::nanoseconds rotate_;
    const std::chrono::nanoseconds lifetime_;
    std::atomic<const ring*> current_{nullptr};
    std::mutex rotating_;
    std::vector<std::unique_ptr<const ring>> all_;  // Guarded by rotating_.
};

// For SSL_CTX_set_tlsext_ticket_key_evp_cb's callback: prepares the contexts with a key. The
// result is what that callback gives.
int use_ticket_key(ticket_ring& ring, std::chrono::nanoseconds now, unsigned char* name,
                   unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool seal);

}  // namespace tls

// The keys that session tickets are sealed with.
//
// Random keys change by themselves: a new one seals after `rotate`, the old ones open until no
// ticket of theirs can be alive. Given keys never change. Workers share the ring without a lock: a
// ring is immutable, and one that was replaced stays while a worker may still be looking at it.

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
    // Random ones that are alive at once, each of which an opening is compared with.
    static constexpr std::int64_t keys_max = 256;

    // Throws pk::config_error at a key file of another size, and where more keys would be alive.
    ticket_ring(const ticket_settings& conf, std::uint32_t workers, std::chrono::nanoseconds now);

    // The key that seals now. Valid until this worker's next call of either. [worker]
    const ticket_key& sealing(std::uint32_t worker, std::chrono::nanoseconds now);
    // The key of that name that may still open, or null; *newest: no other seals. As above.
    const ticket_key* opening(std::uint32_t worker, const unsigned char* name,
                              std::chrono::nanoseconds now, bool* newest);

    // Random keys for the next generation's ring, and back. Not for given ones.
    std::string export_keys();
    // That are kept.
    std::size_t rings();
    void import_keys(std::string_view bytes, std::chrono::nanoseconds now);

private:
    struct dated_key {
        ticket_key key;
        std::chrono::nanoseconds since;
    };
    // What is thrown away is gone: who reads our memory later opens no tickets of before.
    struct ring {
        ring() = default;
        ring(ring&&) = default;
        ~ring() { OPENSSL_cleanse(keys.data(), keys.size() * sizeof(dated_key)); }
        std::vector<dated_key> keys;  // The first seals.
    };
    void publish(ring r);
    void rotate(std::chrono::nanoseconds now);
    const ring& look(std::uint32_t worker) noexcept;

    const bool given_;
    const std::chrono::nanoseconds rotate_;
    const std::chrono::nanoseconds lifetime_;
    std::atomic<const ring*> current_{nullptr};
    std::vector<std::atomic<const ring*>> seen_;  // By worker: what it looks at, or did last.
    std::mutex rotating_;
    std::vector<std::unique_ptr<const ring>> all_;  // Guarded by rotating_; the last is current.
};

// For SSL_CTX_set_tlsext_ticket_key_evp_cb's callback: prepares the contexts with a key. The
// result is what that callback gives.
int use_ticket_key(ticket_ring& ring, std::uint32_t worker, std::chrono::nanoseconds now,
                   unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   bool seal);

}  // namespace tls

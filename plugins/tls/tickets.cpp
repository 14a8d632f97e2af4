#include "tickets.hpp"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <pkernel/host.hpp>

#include <algorithm>
#include <cstring>

namespace tls {
namespace {

ticket_key from_bytes(const char* at) {
    ticket_key k;
    static_assert(sizeof k == ticket_key::size);
    std::memcpy(&k, at, sizeof k);
    return k;
}

ticket_key random_key() {
    char bytes[ticket_key::size];
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes), sizeof bytes) != 1) {
        throw std::runtime_error("no random bytes: " + take_error());
    }
    const ticket_key k = from_bytes(bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return k;
}

}  // namespace

ticket_ring::ticket_ring(const ticket_settings& conf, std::uint32_t workers,
                         std::chrono::nanoseconds now)
    : given_(!conf.keys.empty()), rotate_(conf.rotate), lifetime_(conf.lifetime), seen_(workers) {
    if (!given_ && lifetime_ / rotate_ >= keys_max) {
        throw pk::config_error("session_tickets",
                               "more than " + std::to_string(keys_max) +
                                   " keys would be alive: `rotate` is too short for `lifetime`");
    }
    ring first;
    for (const pk::file_content& file : conf.keys) {
        if (file.bytes.size() != ticket_key::size) {
            throw pk::config_error(file, "'" + std::string(file.path) + "' has " +
                                             std::to_string(file.bytes.size()) +
                                             " bytes; a ticket key has 80: openssl rand 80");
        }
        first.keys.push_back({from_bytes(file.bytes.data()), now});
    }
    if (!given_) first.keys.push_back({random_key(), now});
    publish(std::move(first));
}

// A worker that has said after this store what it looks at looks at the new one: see look().
void ticket_ring::publish(ring r) {
    all_.push_back(std::make_unique<const ring>(std::move(r)));
    current_.store(all_.back().get());
    std::erase_if(all_, [this](const std::unique_ptr<const ring>& one) {
        if (one.get() == current_.load()) return false;
        return std::none_of(seen_.begin(), seen_.end(),
                            [&](const auto& seen) { return seen.load() == one.get(); });
    });
}

// Says what it looks at before it does, and that this is current still: so it cannot have been
// thrown away in between.
const ticket_ring::ring& ticket_ring::look(std::uint32_t worker) noexcept {
    const ring* r = current_.load();
    for (;;) {
        seen_[worker].store(r);
        const ring* const again = current_.load();
        if (again == r) return *r;
        r = again;
    }
}

const ticket_key& ticket_ring::sealing(std::uint32_t worker, std::chrono::nanoseconds now) {
    const ring* r = &look(worker);
    if (!given_ && now - r->keys.front().since >= rotate_) {
        rotate(now);
        r = &look(worker);
    }
    return r->keys.front().key;
}

void ticket_ring::rotate(std::chrono::nanoseconds now) {
    const std::lock_guard one(rotating_);
    const ring& old = *all_.back();
    if (now - old.keys.front().since < rotate_) return;  // Another worker was first.
    ring next;
    next.keys.reserve(old.keys.size() + 1);  // No copies are left behind.
    next.keys.push_back({random_key(), now});
    for (const dated_key& k : old.keys) {
        if (now - k.since < rotate_ + lifetime_) next.keys.push_back(k);
    }
    publish(std::move(next));
}

const ticket_key* ticket_ring::opening(std::uint32_t worker, const unsigned char* name,
                                       std::chrono::nanoseconds now, bool* newest) {
    const ring* const r = &look(worker);
    for (const dated_key& k : r->keys) {
        if (std::memcmp(k.key.name.data(), name, k.key.name.size()) != 0) continue;
        if (!given_ && now - k.since >= rotate_ + lifetime_) return nullptr;
        *newest = &k == &r->keys.front();
        return &k.key;
    }
    return nullptr;
}

std::size_t ticket_ring::rings() {
    const std::lock_guard one(rotating_);
    return all_.size();
}

std::string ticket_ring::export_keys() {
    std::string bytes;
    if (given_) return bytes;
    const std::lock_guard one(rotating_);  // No ring goes meanwhile.
    for (const dated_key& k : all_.back()->keys) {
        bytes.append(reinterpret_cast<const char*>(&k.key), sizeof k.key);
        bytes.append(reinterpret_cast<const char*>(&k.since), sizeof k.since);
    }
    return bytes;
}

void ticket_ring::import_keys(std::string_view bytes, std::chrono::nanoseconds now) {
    constexpr std::size_t step = sizeof(ticket_key) + sizeof(std::chrono::nanoseconds);
    if (given_ || bytes.empty() || bytes.size() % step != 0) return;
    ring taken;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        dated_key k{from_bytes(bytes.data() + at), {}};
        std::memcpy(&k.since, bytes.data() + at + sizeof(ticket_key), sizeof k.since);
        if (k.since <= now) taken.keys.push_back(k);
    }
    const std::lock_guard one(rotating_);
    if (!taken.keys.empty()) publish(std::move(taken));
}

int use_ticket_key(ticket_ring& ring, std::uint32_t worker, std::chrono::nanoseconds now,
                   unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   bool seal) {
    bool newest = true;
    const ticket_key* key =
        seal ? &ring.sealing(worker, now) : ring.opening(worker, name, now, &newest);
    if (key == nullptr) return 0;
    if (seal) {
        std::memcpy(name, key->name.data(), key->name.size());
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
    }
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(
            OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()), key->mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
    const int ready = EVP_MAC_CTX_set_params(mac, params) == 1 &&
                      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv,
                                        seal ? 1 : 0) == 1;
    if (!ready) return -1;
    return seal || newest ? 1 : 2;  // 2: opened, and a new ticket is due.
}

}  // namespace tls

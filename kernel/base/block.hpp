// Buffer blocks: the only memory that bytes of the network stand in.
//
// A block comes from its worker's pool and goes back to it when the last reference is gone. Counts
// are not atomic: a block never leaves its worker's thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "pkernel/abi/base.h"

namespace pkernel::base {

class block_pool;
struct block;

// Whose memory a block stands for when it is not the pool's own: told when nobody needs it any
// more. May be called from anywhere that lets go of bytes, so it records and acts later.
class block_lender {
public:
    virtual void give_back(block* b) noexcept = 0;

protected:
    ~block_lender() = default;
};

struct block {
    std::uint32_t references;
    std::uint32_t capacity;  // Bytes at data(), or of what was lent.
    block_pool* pool;
    block* next;           // In the pool's free list, or the lender's.
    block_lender* lender;  // Null: the pool's own.

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

// Keeps freed blocks of two sizes up to a bound. Under ASan it keeps none, so that a late use is
// seen.
class block_pool {
public:
    static constexpr std::uint32_t small_size =
        8 * 1024;  // With the header: a head, an arena chunk.
    static constexpr std::uint32_t large_size = 64 * 1024;  // With the header: a body read.

    struct limits {
        std::uint32_t small_kept_max = 4096;
        std::uint32_t large_kept_max = 128;
    };

    explicit block_pool(limits l) : limits_(l) {}
    block_pool() : block_pool(limits{}) {}
    ~block_pool();
    block_pool(const block_pool&) = delete;
    block_pool& operator=(const block_pool&) = delete;

    // A block with one reference, which the caller owns. Throws std::bad_alloc.
    block* take_small() { return take(small_); }
    block* take_large() { return take(large_); }
    // A block of at least `bytes`, outside the two sizes when they are too small; not kept.
    block* take_sized(std::size_t bytes);

    void give_back(block* b) noexcept;

    std::size_t in_use_bytes() const noexcept { return in_use_bytes_; }

private:
    struct shelf {
        std::uint32_t size;
        std::uint32_t kept = 0;
        block* free = nullptr;
    };
    block* take(shelf& s);

    const limits limits_;
    shelf small_{small_size};
    shelf large_{large_size};
    std::size_t in_use_bytes_ = 0;
};

inline void retain(block* b) noexcept {
    if (b) ++b->references;
}
inline void release(block* b) noexcept {
    if (b && --b->references == 0) b->pool->give_back(b);
}

// An owning reference to a block.
class block_ref {
public:
    block_ref() = default;
    static block_ref adopt(block* b) noexcept {
        block_ref r;
        r.block_ = b;
        return r;
    }
    block_ref(const block_ref& o) noexcept : block_(o.block_) { retain(block_); }
    block_ref(block_ref&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
    block_ref& operator=(block_ref o) noexcept {
        std::swap(block_, o.block_);
        return *this;
    }
    ~block_ref() { release(block_); }

    // A further reference to a block that someone else owns.
    static block_ref share(block* b) noexcept {
        retain(b);
        return adopt(b);
    }

    block* get() const noexcept { return block_; }
    block* operator->() const noexcept { return block_; }
    explicit operator bool() const noexcept { return block_ != nullptr; }
    void reset() noexcept { release(std::exchange(block_, nullptr)); }

private:
    block* block_ = nullptr;
};

// A run of bytes inside a block, which it keeps alive; or of bytes that outlive it, with no block.
// Same layout as pk_slice, so that runs pass to plugins without a copy.
class slice {
public:
    slice() = default;
    slice(const char* data, std::size_t size, block* owner) noexcept : raw_{data, size, owner} {
        retain(owner);
    }
    slice(const slice& o) noexcept : raw_(o.raw_) { retain(owner()); }
    slice(slice&& o) noexcept : raw_(std::exchange(o.raw_, pk_slice{})) {}
    slice& operator=(slice o) noexcept {
        std::swap(raw_, o.raw_);
        return *this;
    }
    ~slice() { release(owner()); }

    const char* data() const noexcept { return raw_.data; }
    std::size_t size() const noexcept { return raw_.size; }
    bool empty() const noexcept { return raw_.size == 0; }
    std::string_view view() const noexcept { return {raw_.data, raw_.size}; }
    block* owner() const noexcept { return static_cast<block*>(raw_.block); }
    const pk_slice* raw() const noexcept { return &raw_; }

    void drop_front(std::size_t n) noexcept {
        raw_.data += n;
        raw_.size -= n;
    }
    // The first `n` bytes as a slice of their own.
    slice front(std::size_t n) const noexcept { return slice(raw_.data, n, owner()); }

private:
    pk_slice raw_{};
};
static_assert(sizeof(slice) == sizeof(pk_slice));

}  // namespace pkernel::base

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
class memory_budget;
struct block;

// What one connection holds in blocks: counted where they are taken and where they are given back,
// wherever they travel meanwhile. Made by the pool, and kept by it until its last block is back.
struct block_account {
    std::size_t bytes = 0;
    std::size_t limit = SIZE_MAX;
    bool has_room(std::size_t more) const noexcept { return bytes + more <= limit; }

private:
    friend class block_pool;
    bool closed = false;
    block_account* next = nullptr;
};

// Whose memory a block stands for when it is not the pool's own: told when nobody needs it any
// more. May be called from anywhere that lets go of bytes, so it records and acts later.
class block_lender {
public:
    virtual void give_back(block* b) noexcept = 0;

protected:
    ~block_lender() = default;
};

// What follows it is aligned for anything.
struct alignas(16) block {
    std::uint32_t references;
    std::uint32_t capacity;  // Bytes at data(), or of what was lent.
    block_pool* pool;
    block* next;             // In the pool's free list, or the lender's.
    block_account* account;  // Or null: nobody's in particular.
    block_lender* lender;    // Null: the pool's own.

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

// Keeps freed blocks of two sizes up to a bound. Under ASan it keeps none, so that a late use is
// seen. One worker's, but for the budget that it reports to.
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
    block* take_small(block_account* whose = nullptr) { return take(small_, whose); }
    block* take_large(block_account* whose = nullptr) { return take(large_, whose); }
    // A block of at least `bytes`, outside the two sizes when they are too small; not kept.
    block* take_sized(std::size_t bytes, block_account* whose = nullptr);
    // One of `bytes` and no more, for what is kept for long; not kept when it comes back.
    block* take_exact(std::size_t bytes, block_account* whose = nullptr);

    void give_back(block* b) noexcept;

    block_account* open_account(std::size_t limit);
    // Its blocks may live on; its owner does not look at it any more.
    void close_account(block_account* a) noexcept;

    // From now on what it holds is a part of `budget`, which outlives it. `grown` is called, inside
    // a take, each time another reported_step of memory has come from the system.
    void report_to(memory_budget& budget, void (*grown)(void* owner), void* owner) noexcept;
    // Keeps no freed block, and gives back those that it kept; until told otherwise.
    void set_lean(bool lean) noexcept;
    bool lean() const noexcept { return lean_; }
    // Gives back what has been kept since the last call without being needed, but for a few that
    // the next requests of a quiet worker find: what a crowd took does not stay for good.
    void age() noexcept;
    static constexpr std::uint32_t small_least = 64, large_least = 4;

    std::size_t in_use_bytes() const noexcept { return in_use_bytes_; }
    std::size_t held_bytes() const noexcept { return held_bytes_; }  // With those kept.

    // Blocks come and go without a word to the budget up to this much.
    static constexpr std::size_t reported_step = 256 * 1024;

private:
    struct shelf {
        std::uint32_t size;
        std::uint32_t kept = 0;
        std::uint32_t least = 0;  // Kept, since it aged last.
        block* free = nullptr;
    };
    block* take(shelf& s, block_account* whose);
    block* make(std::size_t size);
    void shrink(shelf& s, std::uint32_t to) noexcept;
    void free(block* b) noexcept;
    void report() noexcept;

    const limits limits_;
    shelf small_{small_size};
    shelf large_{large_size};
    bool lean_ = false;
    std::size_t in_use_bytes_ = 0;
    std::size_t held_bytes_ = 0;
    std::size_t reported_bytes_ = 0;
    memory_budget* budget_ = nullptr;
    void (*grown_)(void*) = nullptr;
    void* grown_owner_ = nullptr;
    block_account* spare_accounts_ = nullptr;
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
    // Takes in what lies right behind it in the same block; false: `s` does not.
    bool absorb(const slice& s) noexcept {
        if (s.raw_.data != raw_.data + raw_.size || s.raw_.block != raw_.block) return false;
        raw_.size += s.raw_.size;
        return true;
    }
    // The first `n` bytes as a slice of their own.
    slice front(std::size_t n) const noexcept { return slice(raw_.data, n, owner()); }

private:
    pk_slice raw_{};
};
static_assert(sizeof(slice) == sizeof(pk_slice));

}  // namespace pkernel::base

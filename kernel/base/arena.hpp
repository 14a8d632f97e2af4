// Memory that lives as long as one stream and is freed whole.
//
// Chunks are small blocks of the worker's pool, so a warm stream takes nothing from the heap; or,
// where what is allocated is little and stays for hours, just as large as it is.
// Nothing that is allocated here is destroyed: put in what is trivially destructible, or end it
// yourself.

#pragma once

#include <cstring>
#include <string_view>
#include <utility>

#include "kernel/base/block.hpp"

namespace pkernel::base {

class arena {
public:
    explicit arena(block_pool& pool) noexcept : pool_(pool) {}
    // With a first chunk of `first` bytes and others of `later`, or what is asked for if that is
    // more.
    arena(block_pool& pool, std::uint16_t first, std::uint16_t later) noexcept
        : pool_(pool), first_(first), later_(later) {}
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;
    ~arena() { reset(); }

    // Whose its chunks are from now on. `a` outlives the next reset.
    void charge_to(block_account* a) noexcept { account_ = a; }

    // `align` is a power of two up to 16.
    void* allocate(std::size_t size, std::size_t align = 16) {
        auto at = (reinterpret_cast<std::uintptr_t>(next_) + align - 1) & ~(align - 1);
        if (!next_ || at + size > reinterpret_cast<std::uintptr_t>(end_)) return grow(size);
        next_ = reinterpret_cast<char*>(at + size);
        return reinterpret_cast<void*>(at);
    }

    template <class T, class... Args>
    T* make(Args&&... args) {
        static_assert(alignof(T) <= 16);
        return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    }

    std::string_view copy(std::string_view s) {
        if (s.empty()) return {};
        auto* p = static_cast<char*>(allocate(s.size(), 1));
        std::memcpy(p, s.data(), s.size());
        return {p, s.size()};
    }

    // Joins up to a few pieces into one run.
    template <class... Parts>
    std::string_view join(const Parts&... parts) {
        const std::string_view all[] = {std::string_view(parts)...};
        std::size_t size = 0;
        for (auto p : all) size += p.size();
        auto* out = static_cast<char*>(allocate(size, 1));
        char* at = out;
        for (auto p : all) {
            if (!p.empty()) std::memcpy(at, p.data(), p.size());
            at += p.size();
        }
        return {out, size};
    }

    // The next `size` bytes come from one chunk, which has no more room than that.
    void reserve(std::size_t size) {
        grow(size);
        next_ -= size;
    }

    // Bytes taken from the pool.
    std::size_t footprint() const noexcept { return footprint_; }

    // Gives every chunk back; what was allocated is gone.
    void reset() noexcept;

    block_pool& pool() const noexcept { return pool_; }

private:
    void* grow(std::size_t size);

    block_pool& pool_;
    block_account* account_ = nullptr;
    block* chunks_ = nullptr;  // Linked by `next`; the current one first.
    char* next_ = nullptr;
    char* end_ = nullptr;
    std::size_t footprint_ = 0;
    const std::uint16_t first_ = 0, later_ = 0;  // 0: small blocks.
};

}  // namespace pkernel::base

#include "kernel/base/block.hpp"

#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define PKERNEL_KEEP_BLOCKS 0
#else
#define PKERNEL_KEEP_BLOCKS 1
#endif

namespace pkernel::base {

namespace {

block* make(block_pool* pool, std::size_t size) {
    void* memory = std::malloc(size);
    if (!memory) throw std::bad_alloc();
    return new (memory)
        block{1, static_cast<std::uint32_t>(size - sizeof(block)), pool, nullptr, nullptr};
}

}  // namespace

block* block_pool::take(shelf& s) {
    in_use_bytes_ += s.size;
    if (block* b = s.free) {
        s.free = b->next;
        __builtin_prefetch(s.free);  // The next taker would wait for that line.
        --s.kept;
        b->references = 1;
        return b;
    }
    return make(this, s.size);
}

block* block_pool::take_sized(std::size_t bytes) {
    if (bytes <= small_size - sizeof(block)) return take_small();
    if (bytes <= large_size - sizeof(block)) return take_large();
    in_use_bytes_ += bytes + sizeof(block);
    return make(this, bytes + sizeof(block));
}

void block_pool::give_back(block* b) noexcept {
    if (b->lender) return b->lender->give_back(b);
    const auto size = b->capacity + sizeof(block);
    in_use_bytes_ -= size;
    shelf* s = size == small_size ? &small_ : size == large_size ? &large_ : nullptr;
    const auto kept_max = s == &small_ ? limits_.small_kept_max : limits_.large_kept_max;
    if (!PKERNEL_KEEP_BLOCKS || !s || s->kept >= kept_max) {
        std::free(b);
        return;
    }
    b->next = s->free;
    s->free = b;
    ++s->kept;
}

block_pool::~block_pool() {
    for (shelf* s : {&small_, &large_})
        while (block* b = s->free) {
            s->free = b->next;
            std::free(b);
        }
}

}  // namespace pkernel::base

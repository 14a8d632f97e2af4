#include "kernel/base/block.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "kernel/base/memory_budget.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define PKERNEL_KEEP_BLOCKS 0
#else
#define PKERNEL_KEEP_BLOCKS 1
#endif

namespace pkernel::base {

block* block_pool::make(std::size_t size) {
    void* memory = std::malloc(size);
    if (!memory) throw std::bad_alloc();
    held_bytes_ += size;
    if (held_bytes_ >= reported_bytes_ + reported_step) report();
    return new (memory)
        block{1, static_cast<std::uint32_t>(size - sizeof(block)), this, nullptr, nullptr, nullptr};
}

void block_pool::free(block* b) noexcept {
    held_bytes_ -= b->capacity + sizeof(block);
    std::free(b);
    if (held_bytes_ + reported_step <= reported_bytes_) report();
}

void block_pool::report() noexcept {
    if (!budget_) return;
    const bool grew = held_bytes_ > reported_bytes_;
    budget_->change_blocks(static_cast<std::int64_t>(held_bytes_ - reported_bytes_));
    reported_bytes_ = held_bytes_;
    if (grew) grown_(grown_owner_);
}

void block_pool::report_to(memory_budget& budget, void (*grown)(void*), void* owner) noexcept {
    budget_ = &budget;
    grown_ = grown;
    grown_owner_ = owner;
}

block* block_pool::take(shelf& s, block_account* whose) {
    block* b = s.free;
    if (b) {
        s.free = b->next;
        __builtin_prefetch(s.free);  // The next taker would wait for that line.
        if (--s.kept < s.least) s.least = s.kept;
        b->references = 1;
    } else {
        b = make(s.size);
    }
    in_use_bytes_ += s.size;
    b->account = whose;
    if (whose) whose->bytes += s.size;
    return b;
}

block* block_pool::take_sized(std::size_t bytes, block_account* whose) {
    if (bytes <= small_size - sizeof(block)) return take_small(whose);
    if (bytes <= large_size - sizeof(block)) return take_large(whose);
    return take_exact(bytes, whose);
}

block* block_pool::take_exact(std::size_t bytes, block_account* whose) {
    block* b = make(bytes + sizeof(block));
    in_use_bytes_ += bytes + sizeof(block);
    b->account = whose;
    if (whose) whose->bytes += bytes + sizeof(block);
    return b;
}

void block_pool::give_back(block* b) noexcept {
    if (b->lender) return b->lender->give_back(b);
    const auto size = b->capacity + sizeof(block);
    in_use_bytes_ -= size;
    if (block_account* a = b->account) {
        a->bytes -= size;
        if (a->closed && a->bytes == 0) close_account(a);
    }
    shelf* s = size == small_size ? &small_ : size == large_size ? &large_ : nullptr;
    const auto kept_max = s == &small_ ? limits_.small_kept_max : limits_.large_kept_max;
    if (!PKERNEL_KEEP_BLOCKS || !s || lean_ || s->kept >= kept_max) return free(b);
    b->next = s->free;
    s->free = b;
    ++s->kept;
}

block_account* block_pool::open_account(std::size_t limit) {
    block_account* a = spare_accounts_;
    if (a)
        spare_accounts_ = a->next;
    else
        a = new block_account;
    a->bytes = 0;
    a->limit = limit;
    a->closed = false;
    return a;
}

void block_pool::close_account(block_account* a) noexcept {
    a->closed = true;
    if (a->bytes > 0) return;  // Again with its last block.
    a->next = spare_accounts_;
    spare_accounts_ = a;
}

void block_pool::shrink(shelf& s, std::uint32_t to) noexcept {
    while (s.kept > to) {
        block* b = s.free;
        s.free = b->next;
        --s.kept;
        free(b);
    }
    s.least = s.kept;
}

void block_pool::set_lean(bool lean) noexcept {
    lean_ = lean;
    if (!lean) return;
    shrink(small_, 0);
    shrink(large_, 0);
}

void block_pool::age() noexcept {
    shrink(small_, std::max(small_.kept - small_.least, small_least));
    shrink(large_, std::max(large_.kept - large_.least, large_least));
}

block_pool::~block_pool() {
    set_lean(true);
    while (block_account* a = spare_accounts_) {
        spare_accounts_ = a->next;
        delete a;
    }
    if (budget_) budget_->change_blocks(-static_cast<std::int64_t>(reported_bytes_));
}

}  // namespace pkernel::base

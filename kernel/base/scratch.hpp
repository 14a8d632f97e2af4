// Small pieces (chunk heads, short reads) that wait among body slices: many share one block.

#pragma once

#include <cstring>
#include <string_view>

#include "kernel/base/block.hpp"

namespace pkernel::base {

class scratch {
public:
    explicit scratch(block_pool& pool) noexcept : pool_(pool) {}

    block_pool& pool() const noexcept { return pool_; }
    block_account* account() const noexcept { return account_; }

    // Whose its blocks are from now on.
    void charge_to(block_account* a) noexcept {
        reset();
        account_ = a;
    }

    // A slice of its own copy of `text` (at most a small block's size).
    slice copy(std::string_view text) {
        std::memcpy(room(text.size()), text.data(), text.size());
        return taken(text.size());
    }
    // Room for `size` bytes, of which the next call, taken, makes the first `n` a slice.
    char* room(std::size_t size) {
        if (!block_ || block_->capacity - used_ < size) {
            block_ = block_ref::adopt(pool_.take_sized(size, account_));
            used_ = 0;
        }
        return block_->data() + used_;
    }
    slice taken(std::size_t n) noexcept {
        char* at = block_->data() + used_;
        used_ += static_cast<std::uint32_t>(n);
        return slice(at, n, block_.get());
    }
    // Gives the block up; pieces of it live on.
    void reset() noexcept { block_.reset(); }
    // The same if no piece of it is left.
    void reset_if_unused() noexcept {
        if (block_ && block_->references == 1) block_.reset();
    }

private:
    block_pool& pool_;
    block_account* account_ = nullptr;
    block_ref block_;
    std::uint32_t used_ = 0;
};

}  // namespace pkernel::base

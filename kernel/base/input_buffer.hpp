// What was read from a connection and not yet used: a run in one block. An idle connection holds
// none.

#pragma once

#include <cstring>
#include <string_view>
#include <utility>

#include "kernel/base/block.hpp"
#include "kernel/base/scratch.hpp"

namespace pkernel::base {

class input_buffer {
public:
    explicit input_buffer(block_pool& pool) noexcept : pieces_(pool) {}

    // Whose its blocks are from now on. Requires that it is empty.
    void charge_to(block_account* a) noexcept {
        release();
        pieces_.charge_to(a);
    }

    bool empty() const noexcept { return begin_ == end_; }
    std::size_t size() const noexcept { return end_ - begin_; }
    std::string_view view() const noexcept {
        return {block_ ? block_->data() + begin_ : nullptr, size()};
    }
    block* owner() const noexcept { return block_.get(); }

    void consume(std::size_t n) noexcept { begin_ += static_cast<std::uint32_t>(n); }
    // The first `n` bytes, consumed. `alone`: they are all that waits where they go, and may hold
    // their block however few they are.
    slice take(std::size_t n, bool alone = false) {
        const char* at = block_->data() + begin_;
        slice s = alone ? slice(at, n, block_.get()) : share({at, n});
        consume(n);
        return s;
    }
    // Takes over what `other` holds; nothing is held here.
    void adopt(input_buffer& other) noexcept {
        block_ = std::move(other.block_);
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
        renewed_ = false;
    }
    // A run inside view() as a slice; not consumed. What is little is copied, so that it does not
    // hold a block of its own: a peer that sends byte by byte would else hold one for each.
    slice share(std::string_view run) {
        if (renewed_ && end_ < block_->capacity / 16) return pieces_.copy(run);
        return slice(run.data(), run.size(), block_.get());
    }

    // Room for a body read, when all is used: a fresh block, since slices of the last may live on.
    // A small one where the account or the process is short of memory.
    void renew(bool large) {
        auto& pool = pieces_.pool();
        auto* account = pieces_.account();
        if (pool.lean() || (account && !account->has_room(block_pool::large_size))) large = false;
        block_ = block_ref::adopt(large ? pool.take_large(account) : pool.take_small(account));
        begin_ = end_ = 0;
        renewed_ = true;
    }
    // Room to read more of something that must lie in one run of at most `most` bytes. False: it is
    // longer.
    bool extend(std::size_t most) {
        if (!block_) {
            renew(false);
            renewed_ = false;  // What is parsed holds views of it.
        }
        if (end_ < block_->capacity) return true;
        if (size() >= most) return false;
        const bool outgrown = size() > block_pool::small_size / 2;
        auto& pool = pieces_.pool();
        auto* account = pieces_.account();
        auto fresh =
            block_ref::adopt(outgrown ? pool.take_sized(most + block_pool::small_size, account)
                                      : pool.take_small(account));
        std::memcpy(fresh->data(), block_->data() + begin_, size());
        end_ = static_cast<std::uint32_t>(size());
        begin_ = 0;
        block_ = std::move(fresh);
        renewed_ = false;
        return true;
    }
    char* free_space() noexcept { return block_->data() + end_; }
    std::size_t free_size() const noexcept { return block_->capacity - end_; }
    void filled(std::size_t n) noexcept { end_ += static_cast<std::uint32_t>(n); }

    // Gives the block back if nothing of it is left to use, and that of short reads once those have
    // left.
    void release_if_empty() noexcept {
        pieces_.reset_if_unused();
        if (!empty()) return;
        block_.reset();
        begin_ = end_ = 0;
    }
    void release() noexcept {
        block_.reset();
        pieces_.reset();
        begin_ = end_ = 0;
    }

private:
    block_ref block_;
    scratch pieces_;        // Knows the pool and the account, too.
    bool renewed_ = false;  // The block was taken for a body.
    std::uint32_t begin_ = 0;
    std::uint32_t end_ = 0;
};

}  // namespace pkernel::base

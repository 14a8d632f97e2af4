// What was read from a connection and not yet used: a run in one block. An idle connection holds
// none.

#pragma once

#include <cstring>
#include <string_view>
#include <utility>

#include "kernel/base/block.hpp"

namespace pkernel::base {

class input_buffer {
public:
    explicit input_buffer(block_pool& pool) noexcept : pool_(pool) {}

    bool empty() const noexcept { return begin_ == end_; }
    std::size_t size() const noexcept { return end_ - begin_; }
    std::string_view view() const noexcept {
        return {block_ ? block_->data() + begin_ : nullptr, size()};
    }
    block* owner() const noexcept { return block_.get(); }

    void consume(std::size_t n) noexcept { begin_ += static_cast<std::uint32_t>(n); }
    // The first `n` bytes, consumed.
    slice take(std::size_t n) {
        slice s(block_->data() + begin_, n, block_.get());
        consume(n);
        return s;
    }
    // Takes over what `other` holds; nothing is held here.
    void adopt(input_buffer& other) noexcept {
        block_ = std::move(other.block_);
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
    }
    // A run inside view() as a slice; not consumed.
    slice share(std::string_view run) const { return slice(run.data(), run.size(), block_.get()); }

    // Room for a body read, when all is used: a fresh block, since slices of the last may live on.
    void renew(bool large) {
        block_ = block_ref::adopt(large ? pool_.take_large() : pool_.take_small());
        begin_ = end_ = 0;
    }
    // Room to read more of something that must lie in one run of at most `most` bytes. False: it is
    // longer.
    bool extend(std::size_t most) {
        if (!block_) renew(false);
        if (end_ < block_->capacity) return true;
        if (size() >= most) return false;
        const bool outgrown = size() > block_pool::small_size / 2;
        auto fresh = block_ref::adopt(outgrown ? pool_.take_sized(most + block_pool::small_size)
                                               : pool_.take_small());
        std::memcpy(fresh->data(), block_->data() + begin_, size());
        end_ = static_cast<std::uint32_t>(size());
        begin_ = 0;
        block_ = std::move(fresh);
        return true;
    }
    char* free_space() noexcept { return block_->data() + end_; }
    std::size_t free_size() const noexcept { return block_->capacity - end_; }
    void filled(std::size_t n) noexcept { end_ += static_cast<std::uint32_t>(n); }

    // Gives the block back if nothing of it is left to use.
    void release_if_empty() noexcept {
        if (empty()) release();
    }
    void release() noexcept {
        block_.reset();
        begin_ = end_ = 0;
    }

private:
    block_pool& pool_;
    block_ref block_;
    std::uint32_t begin_ = 0;
    std::uint32_t end_ = 0;
};

}  // namespace pkernel::base

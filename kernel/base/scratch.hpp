// Small pieces of wire text (chunk heads) that wait among body slices: many share one block.

#pragma once

#include <cstring>
#include <string_view>

#include "kernel/base/block.hpp"

namespace pkernel::base {

class scratch {
public:
    explicit scratch(block_pool& pool) noexcept : pool_(pool) {}

    // A slice of its own copy of `text` (at most a small block's size).
    slice copy(std::string_view text) {
        if (!block_ || block_->capacity - used_ < text.size()) {
            block_ = block_ref::adopt(pool_.take_small());
            used_ = 0;
        }
        char* at = block_->data() + used_;
        std::memcpy(at, text.data(), text.size());
        used_ += static_cast<std::uint32_t>(text.size());
        return slice(at, text.size(), block_.get());
    }
    // Gives the block up; pieces of it live on.
    void reset() noexcept { block_.reset(); }

private:
    block_pool& pool_;
    block_ref block_;
    std::uint32_t used_ = 0;
};

}  // namespace pkernel::base

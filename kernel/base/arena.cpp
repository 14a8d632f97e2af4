#include "kernel/base/arena.hpp"

#include <algorithm>

namespace pkernel::base {

void* arena::grow(std::size_t size) {
    const std::size_t least = chunks_ ? later_ : first_;
    block* b = first_ ? pool_.take_exact(std::max(size, least), account_)
                      : pool_.take_sized(size + 16, account_);
    footprint_ += b->capacity + sizeof(block);
    b->next = chunks_;
    chunks_ = b;
    const auto at = (reinterpret_cast<std::uintptr_t>(b->data()) + 15) & ~std::uintptr_t{15};
    next_ = reinterpret_cast<char*>(at + size);
    end_ = b->data() + b->capacity;
    return reinterpret_cast<void*>(at);
}

void arena::reset() noexcept {
    while (block* b = chunks_) {
        chunks_ = b->next;
        release(b);
    }
    next_ = end_ = nullptr;
    footprint_ = 0;
}

}  // namespace pkernel::base

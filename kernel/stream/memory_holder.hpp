// Whom relief may end when memory is short.

#pragma once

#include <cstddef>

namespace pkernel::stream {

class memory_holder {
public:
    // What it holds in blocks.
    virtual std::size_t memory_bytes() const noexcept = 0;
    // Ends what it does, so that this is given back soon.
    virtual void shed() = 0;

protected:
    ~memory_holder() = default;
};

}  // namespace pkernel::stream

// Continues a waiting stream from any thread. A waker may be used twice, and after its stream has
// gone, when it does nothing; it may not be used after the instance's stop() has returned.

#pragma once

#include <pkernel/abi/waker.h>
#include <pkernel/host.hpp>
#include <pkernel/stream.hpp>

namespace pk {

class waker {
public:
    // [any] Wakes made before the last was delivered become one; the stream's on_resumed looks at
    // its own state, not at the fact of being called.
    void wake() const noexcept { table_->wake(raw_, place_); }

private:
    friend class wakers;
    waker(const pk_host* raw, const pk_waker_service* table, pk_waker place) noexcept
        : raw_(raw), table_(table), place_(place) {}

    const pk_host* raw_;
    const pk_waker_service* table_;
    pk_waker place_;
};

class wakers {
public:
    explicit wakers(const host& h)
        : raw_(h.raw()), table_(&h.required<pk_waker_service>(PK_WAKER_ID)) {}

    waker make(stream& s) const noexcept {  // [worker]
        return {raw_, table_, table_->make(s.raw())};
    }

private:
    const pk_host* raw_;
    const pk_waker_service* table_;
};

}  // namespace pk

// Where wakers lead: numbered places for the handles of one worker, that any thread may ring.
//
// A place is reused, so each has a counter that tells lives apart. Rings made before the last was
// delivered become one: nothing can be full. Everything but ring is for the worker's thread.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "kernel/net/loop.hpp"
#include "pkernel/abi/waker.h"

namespace pkernel::stream {

class waker_table {
public:
    waker_table(net::loop& loop, std::uint32_t worker);
    waker_table(const waker_table&) = delete;
    waker_table& operator=(const waker_table&) = delete;
    ~waker_table();

    // A waker for `who`, whose place is kept in `index` (none: UINT32_MAX) and made the first time;
    // a ring calls `wake`. place UINT64_MAX: the table is full (2^20 handles).
    using wake_call = void (*)(void* who);
    pk_waker make(std::uint32_t& index, void* who, wake_call wake);
    void forget(std::uint32_t& index) noexcept;
    // Who made it, if that still lives.
    void* find(pk_waker w) const noexcept;

    // [any] False: no waker that make returned.
    bool ring(pk_waker w);

    static std::uint32_t worker_of(pk_waker w) noexcept {
        return static_cast<std::uint32_t>(w.place >> 32);
    }

private:
    struct place {
        std::atomic<std::uint64_t> life{0};
        std::atomic<bool> rung{false};
        void* who = nullptr;
        wake_call wake = nullptr;
        place* next_rung = nullptr;
        std::uint32_t next_free = UINT32_MAX;
    };
    static constexpr std::uint32_t chunk_size = 256;
    static constexpr std::uint32_t chunks_max = 4096;

    static void deliver(void* self);
    place* at(std::uint32_t index) const noexcept;

    net::bell bell_;
    const std::uint32_t worker_;
    std::unique_ptr<std::atomic<place*>[]> chunks_;
    std::uint32_t made_ = 0;
    std::uint32_t free_ = UINT32_MAX;
    std::atomic<place*> rung_{nullptr};
};

}  // namespace pkernel::stream

#include "kernel/stream/waker_table.hpp"

namespace pkernel::stream {

waker_table::waker_table(net::loop& loop, std::uint32_t worker)
    : bell_(loop, &deliver, this), worker_(worker), chunks_(new std::atomic<place*>[chunks_max]) {
    for (std::uint32_t i = 0; i < chunks_max; ++i) chunks_[i].store(nullptr);
}

waker_table::~waker_table() {
    for (std::uint32_t i = 0; i < chunks_max; ++i) delete[] chunks_[i].load();
}

waker_table::place* waker_table::at(std::uint32_t index) const noexcept {
    if (index >= chunk_size * chunks_max) return nullptr;
    place* chunk = chunks_[index / chunk_size].load(std::memory_order_acquire);
    return chunk ? chunk + index % chunk_size : nullptr;
}

pk_waker waker_table::make(std::uint32_t& index, void* who, wake_call wake) {
    if (index == UINT32_MAX) {
        if (free_ != UINT32_MAX) {
            index = free_;
            free_ = at(free_)->next_free;
        } else {
            if (made_ == chunk_size * chunks_max) return {UINT64_MAX, 0};
            if (made_ % chunk_size == 0)
                chunks_[made_ / chunk_size].store(new place[chunk_size], std::memory_order_release);
            index = made_++;
        }
        place* p = at(index);
        p->who = who;
        p->wake = wake;
        p->life.fetch_add(1, std::memory_order_relaxed);
    }
    return {std::uint64_t{worker_} << 32 | index, at(index)->life.load()};
}

void waker_table::forget(std::uint32_t& index) noexcept {
    if (index == UINT32_MAX) return;
    place* p = at(index);
    p->who = nullptr;
    p->life.fetch_add(1, std::memory_order_relaxed);
    p->next_free = free_;
    free_ = index;
    index = UINT32_MAX;
}

void* waker_table::find(pk_waker w) const noexcept {
    const place* p = at(static_cast<std::uint32_t>(w.place));
    return p && p->life.load(std::memory_order_relaxed) == w.life ? p->who : nullptr;
}

bool waker_table::ring(pk_waker w) {
    place* p = at(static_cast<std::uint32_t>(w.place));
    if (!p) return false;
    if (p->life.load(std::memory_order_relaxed) != w.life)
        return true;  // A dead one: nothing to do.
    if (p->rung.exchange(true, std::memory_order_acq_rel)) return true;
    place* head = rung_.load(std::memory_order_relaxed);
    do p->next_rung = head;
    while (!rung_.compare_exchange_weak(head, p, std::memory_order_release));
    bell_.ring();
    return true;
}

// A handle that died after it was rung, or a new one in its place, is woken in vain at worst.
void waker_table::deliver(void* self) {
    auto* me = static_cast<waker_table*>(self);
    place* p = me->rung_.exchange(nullptr, std::memory_order_acquire);
    while (p) {
        place* next = p->next_rung;
        p->rung.store(false, std::memory_order_release);
        if (p->who) p->wake(p->who);
        p = next;
    }
}

}  // namespace pkernel::stream

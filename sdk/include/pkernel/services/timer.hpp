// One-shot timers of a stream. They end with it: nothing is called after stream_end.
//
//     timers_.start<&my_filter::on_late>(s, 50ms);
//     void on_late(pk::stream& s, state& st) const { s.reply(504); }

#pragma once

#include <pkernel/abi/timer.h>
#include <pkernel/services/callback.hpp>

#include <chrono>

namespace pk {

using timer_id = std::uint64_t;

class timers {
public:
    explicit timers(const host& h)
        : raw_(h.raw()), table_(&h.required<pk_timer_service>(PK_TIMER_ID)) {}

    // [worker] PK_NO_MEMORY: eight run already. `id`, if not null, is what cancel takes.
    template <auto Fn>
    [[nodiscard]] pk_status start(stream& s, std::chrono::nanoseconds in,
                                  timer_id* id = nullptr) const noexcept {
        const auto fn = [](pk_stream* at, void*) { detail::call_back<Fn>(at); };
        return table_->start(s.raw(), static_cast<std::uint64_t>(in.count()), fn, nullptr, id);
    }
    void cancel(stream& s, timer_id id) const noexcept { table_->cancel(s.raw(), id); }

    // [worker] Of the instance on this worker, from worker_init on. `fn` must not throw.
    [[nodiscard]] pk_status start_on_worker(std::chrono::nanoseconds in, void (*fn)(void*),
                                            void* arg, timer_id* id = nullptr) const noexcept {
        return table_->start_on_worker(raw_, static_cast<std::uint64_t>(in.count()), fn, arg, id);
    }
    void cancel_on_worker(timer_id id) const noexcept { table_->cancel_on_worker(raw_, id); }

private:
    const pk_host* raw_;
    const pk_timer_service* table_;
};

}  // namespace pk

// Work that may block, away from the worker.
//
//     struct lookup { std::string key, answer; void run() { ... } };   // Owns what it uses.
//     jobs_.submit<&my_filter::on_found>(s, std::make_unique<lookup>(...));
//     void on_found(pk::stream& s, lookup& l) const { ...; s.resume(pk::direction::request); }

#pragma once

#include <pkernel/abi/offload.h>
#include <pkernel/services/callback.hpp>

#include <memory>

namespace pk {

class offload {
public:
    explicit offload(const host& h) : table_(&h.required<pk_offload>(PK_OFFLOAD_ID)) {}

    // [worker] Job::run is called on another thread and must not throw; then Done on the worker, or
    // just ~Job if the stream has gone. PK_NO_MEMORY: the queue is full, the job is gone.
    template <auto Done, class Job>
    [[nodiscard]] pk_status submit(stream& s, std::unique_ptr<Job> job) const noexcept {
        pk_job raw{};
        raw.size = sizeof raw;
        raw.arg = job.get();
        raw.run = [](void* arg) noexcept { static_cast<Job*>(arg)->run(); };
        raw.done = [](pk_stream* at, void* arg) {
            const std::unique_ptr<Job> finished(static_cast<Job*>(arg));
            detail::call_back<Done>(at, *finished);
        };
        raw.drop = [](void* arg) { delete static_cast<Job*>(arg); };
        const pk_status answer = table_->submit(s.raw(), &raw);
        if (answer == PK_OK) static_cast<void>(job.release());  // It is the kernel's.
        return answer;
    }

private:
    const pk_offload* table_;
};

}  // namespace pk

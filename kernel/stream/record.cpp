#include "kernel/stream/record.hpp"

#include <time.h>

#include <cstring>

#include "kernel/stream/stream.hpp"

namespace pkernel::stream {

void fill_record(stream& s, pk_record& r) {
    r.size = sizeof r;
    r.worker = s.context_.worker;
    r.request = &s.request;
    r.request_fields = s.head.headers.view();
    r.response_fields = s.response.headers.view();
    r.status = s.response_.head == stream::head_state::delivered ? s.response.status : 0u;
    r.cause = s.end_.cause;
    r.end_reason = {s.end_.word, std::strlen(s.end_.word)};
    r.upstream = http::to_str(s.forward_.upstream_name());
    r.endpoint = http::to_str(s.forward_.endpoint_name());
    r.attempts = s.forward_.attempts();
    r.reused = s.forward_.reused() ? 1 : 0;
    const auto took = net::monotonic_now() - s.started_;
    timespec t;
    ::clock_gettime(CLOCK_REALTIME, &t);
    r.duration_ns = static_cast<std::uint64_t>(took.count());
    r.start_unix_ns = static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
                      static_cast<std::uint64_t>(t.tv_nsec) - r.duration_ns;
    r.upstream_head_ns = static_cast<std::uint64_t>(s.forward_.head_time().count());
    r.upstream_connect_ns = static_cast<std::uint64_t>(s.forward_.connect_time().count());
    r.request_bytes = s.request_bytes_;
    r.response_bytes = s.response_bytes;
    r.annotations = s.annotations_.items;
    r.annotation_count = s.annotations_.count;
    r.annotation_stride = sizeof(pk_annotation);
    r.protocol = http::to_str(s.arena.join(std::string_view("HTTP/"), s.version()));
    r.failed_attempts = http::to_str(s.forward_.failed_attempts());
    r.upstream_queue_ns = static_cast<std::uint64_t>(s.forward_.queue_time().count());
    r.body_kept = http::to_str(s.forward_.body_kept());
    r.stream = s.request.method.size ? s.reader() : nullptr;
}

}  // namespace pkernel::stream

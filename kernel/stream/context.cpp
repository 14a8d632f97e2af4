#include "kernel/stream/context.hpp"

#include <time.h>

#include "kernel/http/writer.hpp"
#include "kernel/stream/lent_memory.hpp"
#include "kernel/stream/offload_pool.hpp"
#include "kernel/stream/session_door.hpp"
#include "kernel/stream/stream.hpp"
#include "kernel/stream/subrequest.hpp"
#include "kernel/stream/waker_table.hpp"

namespace pkernel::stream {

namespace {

constexpr std::size_t spare_streams_max = 1024;

}  // namespace

context::context(net::loop& l, std::uint32_t w, plugin::marker_slot& m)
    : loop(l),
      worker(w),
      marker(m),
      connections(l, {}),
      wakers(std::make_unique<waker_table>(l, w)),
      session_services(std::make_unique<session_door>(*this)),
      sessions{m, *session_services},
      subrequests(std::make_unique<subrequest_table>(*this)),
      lent(std::make_unique<lent_memory>(l, blocks, m)),
      random_(static_cast<std::uint64_t>(net::monotonic_now().count()) * 0x9e3779b97f4a7c15u + w) {}

context::~context() {
    free_spare_streams();
}

void context::free_spare_streams() noexcept {
    while (stream* s = spare_) {
        spare_ = s->next_spare;
        delete s;
    }
    spare_count_ = 0;
}

// splitmix64
bool context::has_time(const site& at) {
    return gate.admit({loop.now(), loop.ready_since(), loop.idle_time()}, at.plan->model->lag_max,
                      &net::monotonic_now);
}

std::uint64_t context::random() noexcept {
    std::uint64_t z = (random_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

std::string_view context::http_date() {
    if (loop.now() >= date_until_) {
        timespec t;
        ::clock_gettime(CLOCK_REALTIME, &t);
        http::format_http_date(t.tv_sec, date_);
        date_until_ = loop.now() + net::nanoseconds(1'000'000'000 - t.tv_nsec);
    }
    return {date_, 29};
}

stream* context::new_stream() {
    ++streams_;
    if (stream* s = spare_) {
        spare_ = s->next_spare;
        --spare_count_;
        return s;
    }
    return new stream(*this);
}

void context::free_stream(stream* s) noexcept {
    --streams_;
    if (spare_count_ >= spare_streams_max || memory != base::memory_level::normal) {
        delete s;
        return;
    }
    s->next_spare = spare_;
    spare_ = s;
    ++spare_count_;
}

}  // namespace pkernel::stream

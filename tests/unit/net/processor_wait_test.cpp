// Time that a thread was ready to run while others had its processor.

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "kernel/net/loop.hpp"

using namespace std::chrono_literals;
using namespace pkernel;

namespace {

// This thread and those it starts share one processor.
class one_processor {
public:
    one_processor() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~one_processor() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(processor_wait_)

BOOST_AUTO_TEST_CASE(it_grows_while_others_run) {
    if (::access("/proc/thread-self/schedstat", R_OK) != 0) {
        BOOST_TEST((net::processor_wait() == 0ns));
        return;
    }
    const one_processor here;
    std::atomic<bool> over{false};
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i)
        others.emplace_back([&] {
            while (!over.load(std::memory_order_relaxed)) {
            }
        });
    const auto before = net::processor_wait();
    const auto until = net::monotonic_now() + 20s;
    while (net::processor_wait() - before < 10ms && net::monotonic_now() < until) {
    }
    BOOST_TEST((net::processor_wait() - before >= 10ms));
    over = true;
    for (auto& t : others) t.join();
}

BOOST_AUTO_TEST_SUITE_END()

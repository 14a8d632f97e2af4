// What becomes of a job where the system has no thread for it.

#include "kernel/stream/offload_pool.hpp"

#include <pthread.h>

#include <boost/test/unit_test.hpp>
#include <chrono>

#include "kernel/stream/context.hpp"

using namespace pkernel;

namespace {

// While it stands no thread can be made: its stack would not fit into any address space.
class no_threads {
public:
    no_threads() {
        BOOST_REQUIRE(::pthread_getattr_default_np(&usual_) == 0);
        pthread_attr_t huge;
        BOOST_REQUIRE(::pthread_attr_init(&huge) == 0);
        BOOST_REQUIRE(::pthread_attr_setstacksize(&huge, std::size_t{1} << 47) == 0);
        BOOST_REQUIRE(::pthread_setattr_default_np(&huge) == 0);
        ::pthread_attr_destroy(&huge);
    }
    ~no_threads() {
        ::pthread_setattr_default_np(&usual_);
        ::pthread_attr_destroy(&usual_);
    }

private:
    pthread_attr_t usual_;
};

struct rig {
    pk_job job() {
        return {sizeof(pk_job),
                0,
                this,
                [](void*) {},
                [](pk_stream*, void* self) {
                    ++static_cast<rig*>(self)->done;
                    static_cast<rig*>(self)->loop.stop();
                },
                [](void*) {}};
    }

    int done = 0;
    net::loop loop;
    plugin::marker_slot marker{};
    stream::offload_pool pool{[](unsigned, const std::function<void(plugin::marker_slot&)>& work) {
        plugin::marker_slot mark;
        work(mark);
    }};
    stream::context context{loop, 0, marker};
    stream::offload_port port{context, pool};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(offload_pool)

BOOST_AUTO_TEST_CASE(without_any_thread_a_job_is_refused_and_a_later_one_is_done) {
    rig r;
    {
        const no_threads now;
        BOOST_TEST(r.port.submit_own(r.job()) == PK_NO_MEMORY);
        BOOST_TEST(r.port.submit_own(r.job()) == PK_NO_MEMORY);
    }
    BOOST_TEST(r.port.submit_own(r.job()) == PK_OK);
    r.loop.run();
    BOOST_TEST(r.done == 1);
}

BOOST_AUTO_TEST_CASE(with_one_thread_a_second_that_cannot_be_had_is_done_without) {
    rig r;
    BOOST_TEST(r.port.submit_own(r.job()) == PK_OK);
    r.loop.run();
    const no_threads now;
    for (int i = 0; i < 10; ++i) BOOST_TEST(r.port.submit_own(r.job()) == PK_OK);
    while (r.done < 11) r.loop.run();
    BOOST_TEST(r.done == 11);
}

BOOST_AUTO_TEST_SUITE_END()

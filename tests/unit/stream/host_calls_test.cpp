// What the functions of a stream's handle cost the stream.

#include "kernel/stream/host_calls.hpp"

#include <boost/test/unit_test.hpp>

#include "kernel/stream/stream.hpp"

using namespace pkernel;

namespace {

struct rig {
    net::loop loop;
    plugin::marker_slot marker{};
    stream::context context{loop, 0, marker};
    stream::stream request{context};
    pk_stream* const handle = request.reader();
};

}  // namespace

BOOST_AUTO_TEST_SUITE(host_calls)

// As a filter does with each piece of a body, however long that is.
BOOST_AUTO_TEST_CASE(to_retain_and_release_takes_no_more_the_longer_it_goes_on) {
    rig r;
    const auto block = base::block_ref::adopt(r.context.blocks.take_large());
    const pk_slice piece{block->data(), 100, block.get()};
    for (int i = 0; i < 100'000; ++i) {
        BOOST_REQUIRE(r.handle->api->retain(r.handle, &piece) == PK_OK);
        r.handle->api->release(r.handle, &piece);
    }
    BOOST_TEST(block->references == 1u);
    BOOST_TEST(r.request.arena.footprint() <= base::block_pool::small_size);
}

BOOST_AUTO_TEST_CASE(what_is_retained_lives_until_it_is_released_as_often) {
    rig r;
    auto block = base::block_ref::adopt(r.context.blocks.take_small());
    const pk_slice piece{block->data(), 1, block.get()};
    const auto in_use = r.context.blocks.in_use_bytes();
    for (int i = 0; i < 2; ++i) BOOST_TEST(r.handle->api->retain(r.handle, &piece) == PK_OK);
    block.reset();
    r.handle->api->release(r.handle, &piece);
    BOOST_TEST(r.context.blocks.in_use_bytes() >= in_use);
    const pk_slice other{nullptr, 0, nullptr};
    r.handle->api->release(r.handle, &other);
    r.handle->api->release(r.handle, &piece);
    BOOST_TEST(r.context.blocks.in_use_bytes() - r.request.arena.footprint() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

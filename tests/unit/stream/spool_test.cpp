// What a spool keeps, where, and what happens when the file cannot be had.

#include "kernel/stream/spool.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "kernel/stream/context.hpp"
#include "kernel/stream/offload_pool.hpp"

using namespace pkernel;
using stream::spool;

namespace {

// A worker without a thread, whose jobs are done by the pool's.
struct rig {
    rig() {
        BOOST_REQUIRE(::mkdtemp(directory.data()));
        conf = {directory, 1 << 30};
        context.spilled = &used;
        context.offload = std::make_unique<stream::offload_port>(context, pool);
    }
    ~rig() {
        body.reset();
        context.offload.reset();
        BOOST_TEST(used == 0u);
        BOOST_TEST(::rmdir(directory.c_str()) == 0);
    }

    void begin(std::size_t memory, std::uint64_t all) {
        body = std::make_unique<spool>(
            context, [](void* self) { ++static_cast<rig*>(self)->moved; }, this);
        body->begin({memory, all, &conf}, nullptr);
    }
    // Pieces of odd sizes, each byte known by its place.
    void take(std::size_t n) {
        while (n > 0) {
            const auto size = std::min<std::size_t>(n, 1 + taken.size() * 7 % 9000);
            std::string piece(size, 0);
            for (std::size_t i = 0; i < size; ++i)
                piece[i] = static_cast<char>((taken.size() + i) * 131 % 251);
            taken += piece;
            auto block = base::block_ref::adopt(context.blocks.take_sized(size));
            piece.copy(block->data(), size);
            body->take(base::slice(block->data(), size, block.get()));
            n -= size;
        }
    }
    template <class Condition>
    void until(Condition&& is) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!is()) {
            BOOST_REQUIRE(std::chrono::steady_clock::now() < end);
            tick.arm(loop.timers(), loop.now() + std::chrono::milliseconds(1));
            loop.run();
        }
    }
    void settle() {
        until([&] { return body->backlog() == 0; });
    }
    // All that is behind.
    std::string read() {
        std::string all;
        base::slice_queue part;
        while (body->behind() && !body->broken()) {
            const auto before = moved;
            if (!body->next(part)) {
                if (!body->broken()) until([&] { return moved != before; });
                continue;
            }
            while (!part.empty()) all += part.pop().view();
        }
        return all;
    }

    std::string directory = "/tmp/spool-XXXXXX";
    config::spill conf;
    net::loop loop;
    plugin::marker_slot marker{};
    net::timer tick{[](void* self) { static_cast<net::loop*>(self)->stop(); }, &loop};
    stream::spill_use used{0};
    stream::offload_pool pool{[](unsigned, const std::function<void(plugin::marker_slot&)>& work) {
        plugin::marker_slot mark;
        work(mark);
    }};
    stream::context context{loop, 0, marker};
    std::unique_ptr<spool> body;
    std::string taken;
    int moved = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(spool_)

BOOST_AUTO_TEST_CASE(what_fits_stays_in_memory_and_no_more_is_kept) {
    rig r;
    r.begin(10'000, 0);
    r.take(5000);
    BOOST_TEST((r.body->where() == spool::place::memory));
    r.body->rewind();
    BOOST_TEST((r.read() == r.taken));
    r.take(6000);
    BOOST_TEST(!r.body->whole());
    BOOST_TEST((r.body->where() == spool::place::too_long));
    BOOST_TEST(r.body->bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(what_fits_exactly_fits) {
    for (const std::uint64_t all : {0, 200'000}) {
        rig r;
        r.begin(65'536, all);
        r.take(65'536);
        BOOST_TEST((r.body->where() == spool::place::memory));
        r.body->rewind();
        BOOST_TEST((r.read() == r.taken));
        r.take(1);
        r.settle();
        BOOST_TEST((r.body->where() == (all ? spool::place::file : spool::place::too_long)));
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_read_again_as_often_as_wanted) {
    for (const std::size_t memory : {0, 1, 30'000, 131'072}) {
        rig r;
        r.begin(memory, 10 << 20);
        r.take(700'000);
        BOOST_TEST((r.body->where() == spool::place::file));
        r.settle();
        BOOST_TEST(r.body->bytes() == r.taken.size());
        for (int i = 0; i < 3; ++i) {
            r.body->rewind();
            BOOST_TEST((r.read() == r.taken));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_comes_while_it_is_read_is_read_behind_it) {
    rig r;
    r.begin(20'000, 10 << 20);
    r.take(300'000);
    r.body->rewind();
    std::string all;
    base::slice_queue part;
    while (r.body->behind()) {
        BOOST_TEST(r.body->backlog() >= spool::step);  // Whoever sends it waits.
        const auto before = r.moved;
        if (!r.body->next(part)) r.until([&] { return r.moved != before; });
        while (!part.empty()) all += part.pop().view();
        if (r.taken.size() < 600'000) r.take(40'000);
    }
    BOOST_TEST((all == r.taken));
}

BOOST_AUTO_TEST_CASE(a_reader_that_begins_again_in_the_middle_gets_all_of_it) {
    rig r;
    r.begin(0, 10 << 20);
    r.take(400'000);
    r.settle();
    r.body->rewind();
    base::slice_queue part;
    BOOST_TEST(!r.body->next(part));
    r.until([&] { return r.body->next(part); });
    r.body->rewind();
    BOOST_TEST((r.read() == r.taken));
}

BOOST_AUTO_TEST_CASE(past_its_bound_it_goes) {
    rig r;
    r.begin(10'000, 200'000);
    r.take(200'000);
    BOOST_TEST(r.body->whole());
    r.take(1);
    BOOST_TEST(!r.body->whole());
    BOOST_TEST((r.body->where() == spool::place::too_long));
    r.take(1000);
    BOOST_TEST(r.body->bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(all_files_together_are_bounded) {
    rig r;
    r.conf.total = 200'000;
    r.begin(0, 10 << 20);
    r.take(100'000);
    r.settle();
    BOOST_TEST(r.used == 100'000u);
    r.take(150'000);
    r.until([&] { return !r.body->whole(); });
    BOOST_TEST((r.body->where() == spool::place::no_disk));
}

BOOST_AUTO_TEST_CASE(without_a_directory_nothing_is_kept_and_nothing_is_lost) {
    rig r;
    r.conf.directory = "/nonexistent";
    r.begin(10'000, 10 << 20);
    r.take(50'000);
    r.until([&] { return !r.body->whole(); });
    BOOST_TEST((r.body->where() == spool::place::no_disk));
    BOOST_TEST(r.moved > 0);
    // While it is read, what stands in memory is read to its end all the same.
    r.taken.clear();
    r.begin(10'000, 10 << 20);
    r.take(50'000);
    r.body->rewind();
    base::slice_queue part;
    BOOST_TEST(r.body->next(part));
    std::string all;
    while (!part.empty()) all += part.pop().view();
    if (r.body->behind()) {
        r.until([&] { return !r.body->whole(); });
        all += r.read();
    }
    BOOST_TEST((all == r.taken));
}

BOOST_AUTO_TEST_CASE(losing_it_while_it_is_read_lets_the_reader_finish) {
    rig r;
    r.begin(0, 10 << 20);
    r.take(300'000);
    r.settle();
    r.body->rewind();
    r.body->lose();
    BOOST_TEST(!r.body->whole());
    BOOST_TEST((r.read() == r.taken));
    BOOST_TEST(r.body->bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_second_reader_has_a_cursor_of_its_own) {
    rig r;
    r.begin(0, 10 << 20);
    r.take(300'000);
    r.until([&] { return r.body->settled(); });
    auto first = std::move(r.body);
    r.body = std::make_unique<spool>(
        r.context, [](void* self) { ++static_cast<rig*>(self)->moved; }, &r);
    r.body->begin_reading(*first, nullptr);
    first.reset();
    BOOST_TEST((r.read() == r.taken));
}

BOOST_AUTO_TEST_CASE(who_goes_in_the_middle_is_not_told) {
    rig r;
    r.begin(0, 10 << 20);
    r.take(100'000);
    r.body.reset();
    r.until([&] { return r.used == 0; });
    BOOST_TEST(r.moved == 0);
}

BOOST_AUTO_TEST_SUITE_END()

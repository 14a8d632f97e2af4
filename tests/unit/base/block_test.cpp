#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/base/input_buffer.hpp"
#include "kernel/base/memory_budget.hpp"
#include "kernel/base/slice_queue.hpp"

using namespace pkernel::base;

BOOST_AUTO_TEST_SUITE(blocks)

BOOST_AUTO_TEST_CASE(an_account_has_what_was_taken_for_it_until_it_is_given_back) {
    block_pool pool;
    block_account* a = pool.open_account(block_pool::large_size + block_pool::small_size);
    block* small = pool.take_small(a);
    block* others = pool.take_small();
    BOOST_TEST(a->bytes == block_pool::small_size);
    BOOST_TEST(a->has_room(block_pool::large_size));
    BOOST_TEST(!a->has_room(block_pool::large_size + 1));
    block* sized = pool.take_sized(100'000, a);
    BOOST_TEST(a->bytes > 108'000u);
    release(small);
    release(sized);
    BOOST_TEST(a->bytes == 0u);
    release(others);
    pool.close_account(a);
}

BOOST_AUTO_TEST_CASE(a_closed_account_is_used_again_only_when_its_last_block_is_back) {
    block_pool pool;
    block_account* first = pool.open_account(1);
    block* b = pool.take_small(first);
    pool.close_account(first);
    block_account* second = pool.open_account(1);
    BOOST_TEST(first != second);
    release(b);
    BOOST_TEST(pool.open_account(1) == first);
    pool.close_account(first);
    pool.close_account(second);
}

BOOST_AUTO_TEST_CASE(what_is_freed_while_lean_goes_back_to_the_system) {
    block_pool pool;
    release(pool.take_large());
    pool.set_lean(true);
    BOOST_TEST(pool.held_bytes() == 0u);
    release(pool.take_large());
    BOOST_TEST(pool.held_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_pool_reports_in_steps_and_takes_all_back_at_its_end) {
    memory_budget budget(1 << 30);
    int grown = 0;
    {
        block_pool pool;
        pool.report_to(
            budget, [](void* n) { ++*static_cast<int*>(n); }, &grown);
        std::vector<block_ref> held;
        for (int i = 0; i < 3; ++i) held.push_back(block_ref::adopt(pool.take_large()));
        BOOST_TEST(budget.blocks() == 0u);
        held.push_back(block_ref::adopt(pool.take_large()));
        BOOST_TEST(budget.blocks() == 4 * block_pool::large_size);
        BOOST_TEST(grown == 1);
    }
    BOOST_TEST(budget.blocks() == 0u);
    BOOST_TEST(grown == 1);
}

// One byte at a time would else hold a block a byte.
BOOST_AUTO_TEST_CASE(short_reads_of_a_body_share_a_block) {
    block_pool pool;
    block_account* a = pool.open_account(256 * 1024);
    input_buffer in(pool);
    in.charge_to(a);
    slice_queue waiting;
    for (int i = 0; i < 5000; ++i) {
        in.renew(true);
        *in.free_space() = static_cast<char>('a' + i % 26);
        in.filled(1);
        waiting.push(in.take(1));
        in.release_if_empty();
    }
    BOOST_TEST(waiting.bytes() == 5000u);
    BOOST_TEST(waiting.count() == 1u);
    BOOST_TEST(waiting.front().view().substr(0, 4) == "abcd");
    BOOST_TEST(a->bytes == block_pool::small_size);
    waiting.clear();
    in.release();
    BOOST_TEST(a->bytes == 0u);
    pool.close_account(a);
}

// What goes on at once is not copied; what shared a block gives it back when the last has left.
BOOST_AUTO_TEST_CASE(a_short_read_that_is_alone_takes_its_block_along) {
    block_pool pool;
    block_account* a = pool.open_account(256 * 1024);
    input_buffer in(pool);
    in.charge_to(a);
    const auto read = [&](bool alone) {
        in.renew(false);
        std::memcpy(in.free_space(), "hello", 5);
        in.filled(5);
        const char* at = in.view().data();
        auto s = in.take(5, alone);
        in.release_if_empty();
        return std::pair(std::move(s), at);
    };
    {
        const auto [alone, at] = read(true);
        BOOST_TEST((alone.data() == at));
        const auto [behind, before] = read(false);
        BOOST_TEST((behind.data() != before));
        BOOST_TEST(behind.view() == "hello");
        BOOST_TEST(a->bytes == 2 * block_pool::small_size);
    }
    in.release_if_empty();
    BOOST_TEST(a->bytes == 0u);
    pool.close_account(a);
}

BOOST_AUTO_TEST_CASE(an_arena_of_exact_chunks_takes_little) {
    block_pool pool;
    block_account* a = pool.open_account(1 << 20);
    {
        arena kept(pool, 352, 256);
        kept.charge_to(a);
        kept.allocate(300);
        kept.allocate(52, 4);
        BOOST_TEST(a->bytes == 352 + sizeof(block));
        kept.allocate(1);
        BOOST_TEST(a->bytes == 352 + 256 + 2 * sizeof(block));
        kept.reserve(1000);
        char* const first = static_cast<char*>(kept.allocate(400));
        BOOST_TEST((kept.allocate(600, 8) == first + 400));
        BOOST_TEST(a->bytes == 352 + 256 + 1000 + 3 * sizeof(block));
        kept.reset();
        BOOST_TEST(a->bytes == 0u);
        kept.allocate(1);
        BOOST_TEST(a->bytes == 352 + sizeof(block));
    }
    BOOST_TEST(a->bytes == 0u);
    pool.close_account(a);
}

BOOST_AUTO_TEST_CASE(a_queue_of_many_slices_keeps_their_order) {
    slice_queue q;
    std::string in, out;
    static constexpr char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < 200; ++i) {
        const char* at = letters + i * 7 % 26;
        in += *at;
        q.push(slice(at, 1, nullptr));
        if (i % 3 == 0) out += q.pop().view();
    }
    while (!q.empty()) out += q.pop().view();
    BOOST_TEST(out == in);
}

BOOST_AUTO_TEST_CASE(a_view_of_the_first_slices_has_so_many_bytes_at_most) {
    slice_queue q;
    for (const std::string_view s : {"abc", "de", "fghi"})
        q.push(slice(s.data(), s.size(), nullptr));
    const auto seen = [&q](std::uint64_t most) {
        std::uint64_t bytes = 0;
        const auto v = q.view(most, &bytes);
        return std::to_string(v.count) + " of " + std::to_string(bytes);
    };
    BOOST_TEST(seen(10) == "3 of 9");
    BOOST_TEST(seen(9) == "3 of 9");
    BOOST_TEST(seen(8) == "2 of 5");
    BOOST_TEST(seen(5) == "2 of 5");
    BOOST_TEST(seen(4) == "1 of 3");
    BOOST_TEST(seen(1) == "1 of 3");  // The first, whatever it has.
}

BOOST_AUTO_TEST_CASE(an_account_without_room_gets_small_blocks) {
    block_pool pool;
    block_account* a = pool.open_account(block_pool::large_size - 1);
    input_buffer in(pool);
    in.charge_to(a);
    in.renew(true);
    BOOST_TEST(in.free_size() < block_pool::small_size);
    in.release();
    a->limit = block_pool::large_size;
    in.renew(true);
    BOOST_TEST(in.free_size() > block_pool::small_size);
    in.release();
    pool.close_account(a);
}

BOOST_AUTO_TEST_CASE(many_small_slices_weigh_more_than_their_bytes) {
    slice_queue q;
    for (int i = 0; i < 100; ++i) q.push(slice(i % 2 ? "ab" : "cd", 1, nullptr));
    BOOST_TEST(q.bytes() == 100u);
    BOOST_TEST(q.held() >= 100 * sizeof(slice));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pool)

BOOST_AUTO_TEST_CASE(what_a_crowd_took_is_given_back_when_it_has_not_been_needed_for_a_while) {
    block_pool pool;
    const auto use = [&](std::size_t n) {
        std::vector<block*> all;
        for (std::size_t i = 0; i < n; ++i) all.push_back(pool.take_small());
        for (block* b : all) release(b);
    };
    use(1000);
    if (pool.held_bytes() == 0) return;  // A sanitizer: nothing is kept.
    pool.age();
    BOOST_TEST(pool.held_bytes() == 1000u * block_pool::small_size);
    use(300);
    pool.age();
    BOOST_TEST(pool.held_bytes() == 300u * block_pool::small_size);
    pool.age();
    BOOST_TEST(pool.held_bytes() == block_pool::small_least * block_pool::small_size);
    pool.age();
    BOOST_TEST(pool.held_bytes() == block_pool::small_least * block_pool::small_size);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(budget)

BOOST_AUTO_TEST_CASE(levels_are_entered_at_80_90_95_and_left_5_below) {
    memory_budget b(1000);
    std::int64_t now = 0;
    const auto at = [&](std::int64_t used) {
        b.change_blocks(used - std::exchange(now, used));
        return static_cast<int>(b.look().level);
    };
    const int steps[][2] = {{799, 0}, {800, 1}, {750, 1}, {749, 0}, {900, 2}, {850, 2}, {849, 1},
                            {949, 2}, {950, 3}, {900, 3}, {899, 2}, {100, 0}, {950, 3}};
    for (const auto& [used, level] : steps) BOOST_TEST(at(used) == level, used);
}

BOOST_AUTO_TEST_CASE(only_the_look_that_changes_the_level_says_so) {
    memory_budget b(1000);
    b.change_blocks(900);
    BOOST_TEST(b.look().changed);
    BOOST_TEST(!b.look().changed);
}

BOOST_AUTO_TEST_CASE(what_is_no_block_is_measured) {
    memory_budget b(1000);
    b.change_blocks(300);
    b.measured(500, 300);
    BOOST_TEST(b.used() == 500u);
    b.change_blocks(-200);
    BOOST_TEST(b.used() == 300u);
    b.measured(400, 300);  // 200 of them were freed while it was measured.
    BOOST_TEST(b.used() == 200u);
    b.measured(50, 100);  // Blocks that nobody has written to yet are not resident.
    BOOST_TEST(b.used() == 100u);
}

BOOST_AUTO_TEST_SUITE_END()

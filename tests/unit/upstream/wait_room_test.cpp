// Who waits for a place gets it in turn, and nobody waits while there is one: over threads, too.

#include "kernel/upstream/wait_room.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

using namespace pkernel;
using namespace std::chrono_literals;
using upstream::wait_door;
using upstream::wait_line;
using upstream::wait_room;
using upstream::waiter;

namespace {

// As an endpoint counts its requests.
struct places {
    explicit places(std::uint32_t n) : most(n) {}
    bool take() {
        std::uint32_t now = used.load();
        do {
            if (now >= most) return false;
        } while (!used.compare_exchange_weak(now, now + 1));
        return true;
    }
    void give_back(wait_room& room) {
        used.fetch_sub(1);
        room.place_is_free();
    }
    const std::uint32_t most;
    std::atomic<std::uint32_t> used{0};
};

struct one : waiter {
    one(int number, places& p, std::vector<int>& served) : n(number), from(p), order(served) {
        owner = this;
        take = [](void* self) { return static_cast<one*>(self)->from.take(); };
        go = [](void* self) {
            auto* me = static_cast<one*>(self);
            me->order.push_back(me->n);
        };
        moved = [](void* self) { ++static_cast<one*>(self)->moves; };
    }
    int moves = 0;
    const int n;
    places& from;
    std::vector<int>& order;
};

// One worker's: no timer looks for what was lost.
struct fixture {
    void turn() {
        tick.arm(loop.timers(), loop.now() + 2ms);
        loop.run();
    }
    net::loop loop;
    net::timer tick{[](void* self) { static_cast<net::loop*>(self)->stop(); }, &loop};
    std::shared_ptr<wait_room> room = std::make_shared<wait_room>();
    wait_line line{room};
    wait_door door{line, loop, 0ns};
    std::vector<int> order;
    places p{1};
    one a{1, p, order}, b{2, p, order}, c{3, p, order};
};

// A worker's requests, each of which takes a place or waits for one, holds it for a turn, gives it
// back and begins anew. Each third time it leaves as soon as it may. No timer looks again.
struct crowd {
    static constexpr int at_once = 8, rounds = 3000;

    struct request final : waiter, net::deferred {
        explicit request(crowd& c) : of(c) {
            owner = this;
            take = [](void* self) { return static_cast<request*>(self)->of.p.take(); };
            go = [](void* self) {
                auto* me = static_cast<request*>(self);
                me->waits = false;
                me->holds = true;
                me->of.loop.defer(*me);
            };
        }
        void run_deferred() override {
            const bool held = std::exchange(holds, false), stood = std::exchange(waits, false);
            if (held) of.p.give_back(of.room);
            if (stood) of.door.leave(*this);
            if (held || stood) ++round;
            if (round == rounds) return of.one_is_through();
            if (!of.line.anybody() && of.p.take()) {  // As requests do: nobody passes by.
                holds = true;
                return of.loop.defer(*this);
            }
            waits = of.door.enter(*this, 1000);
            if (round % 3 == 0) of.loop.defer(*this);
        }
        crowd& of;
        int round = 0;
        bool holds = false, waits = false;
    };

    crowd(wait_line& l, places& from) : line(l), room(*l.room()), p(from), door(l, loop, 0ns) {}
    void one_is_through() {
        if (--left == 0) loop.stop();
    }
    // How many rounds were done within `time`.
    int run(std::chrono::nanoseconds time) {
        for (int i = 0; i < at_once; ++i) {
            requests.push_back(std::make_unique<request>(*this));
            loop.defer(*requests.back());
        }
        net::timer late([](void* self) { static_cast<net::loop*>(self)->stop(); }, &loop);
        late.arm(loop.timers(), loop.now() + time);
        loop.run();
        int done = 0;
        for (auto& r : requests) {
            done += r->round;
            if (r->waits) door.leave(*r);
        }
        return done;
    }

    wait_line& line;
    wait_room& room;
    places& p;
    net::loop loop;
    wait_door door;
    std::vector<std::unique_ptr<request>> requests;
    int left = at_once;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(wait_room_)

BOOST_FIXTURE_TEST_CASE(first_come_first_served, fixture) {
    BOOST_TEST(p.take());
    for (one* each : {&a, &b, &c}) BOOST_TEST(door.enter(*each, 3));
    BOOST_TEST(room->waiting() == 3u);
    one d{4, p, order};
    BOOST_TEST(!door.enter(d, 3));
    turn();
    BOOST_TEST(order.empty());
    for (std::size_t n = 1; n <= 3; ++n) {
        p.give_back(*room);
        turn();
        BOOST_TEST(order.size() == n);
    }
    BOOST_TEST(order == (std::vector{1, 2, 3}));
    BOOST_TEST(room->waiting() == 0u);
    BOOST_TEST(!line.anybody());
}

BOOST_FIXTURE_TEST_CASE(who_leaves_makes_room_wherever_it_stood, fixture) {
    BOOST_TEST(p.take());
    for (one* each : {&a, &b, &c}) BOOST_TEST(door.enter(*each, 3));
    door.leave(b);
    BOOST_TEST(room->waiting() == 2u);
    p.give_back(*room);
    door.leave(a);  // It was told of the place, and the next one gets to know of it.
    turn();
    BOOST_TEST(order == (std::vector{3}));
}

BOOST_FIXTURE_TEST_CASE(a_place_that_was_free_before_is_seen, fixture) {
    BOOST_TEST(door.enter(a, 3));
    turn();
    BOOST_TEST(order == (std::vector{1}));
}

BOOST_FIXTURE_TEST_CASE(several_places_serve_several, fixture) {
    places two{2};
    one x{1, two, order}, y{2, two, order}, z{3, two, order};
    for (one* each : {&x, &y, &z}) BOOST_TEST(door.enter(*each, 3));
    turn();
    BOOST_TEST(order == (std::vector{1, 2}));
    door.leave(z);
}

BOOST_FIXTURE_TEST_CASE(each_generation_has_its_line_and_both_hear_of_a_place, fixture) {
    wait_line newer(room);
    wait_door other(newer, loop, 0ns);
    BOOST_TEST(p.take());
    BOOST_TEST(door.enter(a, 3));
    BOOST_TEST(other.enter(b, 3));
    places fresh{1};
    one d{4, fresh, order};
    turn();
    BOOST_TEST(order.empty());
    p.give_back(*room);
    turn();
    BOOST_TEST(order.size() == 1u);
    p.give_back(*room);
    turn();
    BOOST_TEST(order.size() == 2u);
}

// Two workers, one of which goes over to the newer line before the other.
BOOST_FIXTURE_TEST_CASE(who_moves_to_a_newer_line_stands_there_by_when_it_came, fixture) {
    wait_line newer(room);
    wait_door others(line, loop, 0ns), next(newer, loop, 0ns), others_next(newer, loop, 0ns);
    BOOST_TEST(p.take());
    one d{4, p, order}, e{5, p, order};
    BOOST_TEST(door.enter(a, 4));
    BOOST_TEST(others.enter(b, 4));
    BOOST_TEST(door.enter(c, 4));
    BOOST_TEST(others.enter(d, 4));
    others.move_to(others_next);
    BOOST_TEST(others_next.enter(e, 5));
    BOOST_TEST(room->waiting() == 5u);
    BOOST_TEST(line.anybody());
    door.move_to(next);
    BOOST_TEST(!line.anybody());
    BOOST_TEST(newer.anybody());
    BOOST_TEST(room->waiting() == 5u);
    for (const one* each : {&a, &b, &c, &d}) BOOST_TEST(each->moves == 1);
    BOOST_TEST(e.moves == 0);
    turn();
    others_next.leave(d);
    for (int n = 0; n < 4; ++n) {
        p.give_back(*room);
        turn();
    }
    BOOST_TEST(order == (std::vector{1, 2, 3, 5}));
    BOOST_TEST(room->waiting() == 0u);
    BOOST_TEST(!newer.anybody());
}

BOOST_FIXTURE_TEST_CASE(who_moves_sees_the_places_that_are_free_there, fixture) {
    wait_line newer(room);
    wait_door next(newer, loop, 0ns);
    BOOST_TEST(p.take());
    BOOST_TEST(door.enter(a, 3));
    turn();
    p.used = 0;
    door.move_to(next);
    next.move_to(door);
    turn();
    BOOST_TEST(order == (std::vector{1}));
}

BOOST_FIXTURE_TEST_CASE(what_nobody_told_of_is_seen_by_the_timer, fixture) {
    wait_door patient(line, loop, 1ms);
    BOOST_TEST(p.take());
    BOOST_TEST(patient.enter(a, 3));
    turn();
    p.used = 0;
    for (int i = 0; i < 1000 && order.empty(); ++i) turn();
    BOOST_TEST(order == (std::vector{1}));
}

BOOST_AUTO_TEST_CASE(nobody_waits_while_there_is_a_place) {
    constexpr int workers = 4;
    for (const std::uint32_t n : {1, 3}) {
        const auto room = std::make_shared<wait_room>();
        wait_line line(room);
        places p(n);
        std::atomic<int> done{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < workers; ++i)
            threads.emplace_back([&] { done += crowd(line, p).run(60s); });
        for (auto& t : threads) t.join();
        BOOST_TEST(done == workers * crowd::at_once * crowd::rounds);
        BOOST_TEST(p.used == 0u);
        BOOST_TEST(room->waiting() == 0u);
    }
}

BOOST_AUTO_TEST_SUITE_END()

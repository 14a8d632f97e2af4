#include "frames.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::string_literals;
using websocket::frame_follower;
using websocket::sender;
using stop = frame_follower::stop;

namespace {

// A frame as that sender says it; the mask is constant.
std::string frame(sender from, unsigned first, std::size_t length) {
    const bool masked = from == sender::client;
    std::string out(1, static_cast<char>(first));
    const auto put = [&](unsigned seven) {
        out += static_cast<char>(seven | (masked ? 0x80u : 0u));
    };
    if (length < 126) {
        put(static_cast<unsigned>(length));
    } else if (length < 65536) {
        put(126);
        out += static_cast<char>(length >> 8);
        out += static_cast<char>(length & 255);
    } else {
        put(127);
        for (int i = 56; i >= 0; i -= 8) out += static_cast<char>(std::uint64_t{length} >> i);
    }
    if (masked) out += "mask";
    return out + std::string(length, 'x');
}

// Where it stops, told the bytes at once, or one by one.
std::pair<std::size_t, stop> stopped(std::string_view bytes, sender from, std::uint64_t most,
                                     bool one_by_one) {
    frame_follower f(from, most);
    if (!one_by_one) {
        const auto s = f.follow(bytes, false);
        return {s.used, s.why};
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto s = f.follow(bytes.substr(i, 1), false);
        if (s.why != stop::none) return {i + s.used, s.why};
    }
    return {bytes.size(), stop::none};
}

void good(std::string_view bytes, sender from, std::uint64_t most = 0) {
    for (const bool each : {false, true}) {
        const auto [used, why] = stopped(bytes, from, most, each);
        BOOST_TEST((why == stop::none));
        BOOST_TEST(used == bytes.size());
    }
}

// `before` passes, and then the frame is refused: whole, nothing of it goes on.
void bad(std::string before, std::string_view frame_bytes, sender from, stop expected,
         std::uint64_t most = 0) {
    const std::string all = before + std::string(frame_bytes);
    const auto [used, why] = stopped(all, from, most, false);
    BOOST_TEST((why == expected));
    BOOST_TEST(used == before.size());
    BOOST_TEST((stopped(all, from, most, true).second == expected));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frames)

BOOST_AUTO_TEST_CASE(frames_of_every_length_form_are_followed) {
    for (const auto from : {sender::client, sender::origin})
        for (const std::size_t n : {0u, 1u, 125u, 126u, 65535u, 65536u, 70000u})
            good(frame(from, 0x82, n) + frame(from, 0x81, 3), from);
}

BOOST_AUTO_TEST_CASE(control_frames_may_stand_between_fragments) {
    const auto from = sender::client;
    good(frame(from, 0x01, 3) + frame(from, 0x89, 125) + frame(from, 0x00, 0) +
             frame(from, 0x8a, 0) + frame(from, 0x80, 2) + frame(from, 0xc1, 2),
         from);
}

BOOST_AUTO_TEST_CASE(what_may_not_stand_there_is_refused_before_any_of_it_goes_on) {
    const auto c = sender::client, o = sender::origin;
    const std::string ok = frame(c, 0x81, 5);
    bad(ok, frame(o, 0x81, 3), c, stop::broken);                 // Not masked.
    bad(frame(o, 0x81, 5), frame(c, 0x81, 3), o, stop::broken);  // Masked.
    for (const unsigned first : {0x83u, 0x87u, 0x8bu, 0x8fu})    // Reserved opcodes.
        bad(ok, frame(c, first, 0), c, stop::broken);
    bad(ok, frame(c, 0x09, 0), c, stop::broken);    // A control frame in fragments.
    bad(ok, frame(c, 0x89, 126), c, stop::broken);  // One that is too long.
    bad(ok, frame(c, 0x88, 1), c, stop::broken);    // A close with half a code.
    bad(ok, frame(c, 0x80, 1), c, stop::broken);    // Goes on with nothing.
    bad(ok + frame(c, 0x01, 1), frame(c, 0x81, 1), c, stop::broken);  // A message in a message.
    bad(ok + frame(c, 0x88, 2), frame(c, 0x81, 1), c, stop::broken);  // Behind a close.
}

BOOST_AUTO_TEST_CASE(a_length_has_its_shortest_form_and_63_bits) {
    bad("", "\x82\x7e\x00\x7d"s, sender::origin, stop::broken);
    bad("", "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"s, sender::origin, stop::broken);
    bad("", "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"s, sender::origin, stop::broken);
}

BOOST_AUTO_TEST_CASE(a_message_is_measured_over_its_frames) {
    const auto c = sender::client;
    good(frame(c, 0x82, 10) + frame(c, 0x82, 10), c, 10);
    bad("", frame(c, 0x82, 11), c, stop::too_large, 10);
    good(frame(c, 0x02, 6) + frame(c, 0x89, 100) + frame(c, 0x80, 4), c, 10);
    bad(frame(c, 0x02, 6), frame(c, 0x80, 5), c, stop::too_large, 10);
    bad(frame(c, 0x02, 6), "\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"s, c, stop::too_large, 10);
}

BOOST_AUTO_TEST_CASE(it_stops_between_two_frames_when_asked) {
    frame_follower f(sender::origin);
    BOOST_TEST(f.at_boundary());
    BOOST_TEST((f.follow("\x81\x05he", false).why == stop::none));
    BOOST_TEST(!f.at_boundary());
    const auto s = f.follow("llo\x81\x01x", true);
    BOOST_TEST((s.why == stop::boundary));
    BOOST_TEST(s.used == 3u);
    BOOST_TEST((f.follow("\x81\x01x", true).used == 0u));
}

BOOST_AUTO_TEST_CASE(close_frames_are_frames) {
    for (const auto from : {sender::client, sender::origin}) good(close_frame(from, 1012), from);
    BOOST_TEST(close_frame(sender::origin, 1012) == "\x88\x02\x03\xf4");
    BOOST_TEST(std::string(websocket::empty_ping) == "\x89\x00"s);
}

BOOST_AUTO_TEST_SUITE_END()
